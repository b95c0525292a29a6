/** The library: builds in TypeScript, and the engine under them, for programs that bring a make of their own. */
export { type Drive, Engine, type EngineOptions, type Make } from './engine.js'
export type { Outcome } from './finalize/finalize.js'
export { type Config, defineConfig, file } from './library/config.js'
export { type BuildEngine, createEngine } from './library/create-engine.js'
export {
  action,
  type Buildable,
  type Building,
  type Failable,
  type Options as DefinitionOptions,
  rule,
  type Source,
  source,
  thread,
} from './library/define.js'
export { type FileOptions, type FolderOptions, fileSource, folderSource } from './library/file-source.js'
export { forServer } from './library/for-server.js'
export type { KeyedMoment, Sight } from './library/moment.js'
export type { CreateOptions, Drive as DriveOption, RecordOptions } from './library/options.js'
export type { Progress } from './library/progress.js'
export type { Reexecution } from './library/reexecute.js'
export { RecordingFailed, Replay, type ReplayOptions, replay } from './library/replay.js'
export { BuildFailed, describe, Live, type Notice, Request } from './library/request.js'
export {
  type MemoryStore,
  memoryStore,
  type SqliteOptions,
  type SqliteStore,
  StoreFailed,
  sqliteStore,
} from './library/store.js'
export type { RequestTerms } from './library/terms.js'
export type { Transaction } from './library/transaction.js'
export type { Known } from './library/why.js'
export type { Builder, Need, ValuesOf, Wait } from './make/rule.js'
export { type BuildError, rootOf } from './model/build-error.js'
export { type AnyCodec, type Codec, CodecError, codec, type Json, type Optional, type TypeOf } from './model/codec.js'
export type {
  ActionContext,
  FailureOf,
  Key,
  Needs,
  ReadContext,
  SourceKey,
  ThreadFunction,
  ValueOf,
  Watch,
} from './model/definition.js'
export * from './model/dependencies.js'
export { digestOf } from './model/digest.js'
export { Bug } from './model/error.js'
export type * from './model/event.js'
export * from './model/ids.js'
export { checkInvariants } from './model/invariants.js'
export { Misuse } from './model/misuse.js'
export * from './model/plan.js'
export * from './model/queue.js'
export * from './model/state.js'
export type { LaneView, ReadyView } from './reduce/gather.js'
export { gather } from './reduce/gather.js'
export * as policies from './reduce/policies/index.js'
export type { CarryPolicy, Decision, PlainPolicy, Policy } from './reduce/policies/policy.js'
export { endTurn, reduce, type Step } from './reduce/reduce.js'
export type { BuildDiff } from './replay/diff.js'
export type { Counterfactual, Otherwise } from './replay/otherwise.js'
export type { Moment, Verdict, VerifyOptions } from './replay/replay.js'
export type { RequestTimes } from './replay/requests.js'
export type { Cause, Change, Fault, Link, Why } from './replay/why.js'
export type { Nearly, Step as OutOfDateStep, WhyNot } from './replay/why-not.js'
export type { RecordingError } from './store/recording/reading-error.js'
