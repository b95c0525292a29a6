/** The library: builds in TypeScript, and the engine under them, for programs that bring a make of their own. */
export { type Drive, Engine, type EngineOptions, type Make } from './engine.js'
export type { Outcome } from './finalize/finalize.js'
export {
  type BuildEngine,
  type CreateOptions,
  createEngine,
  type Drive as DriveOption,
  type Progress,
} from './library/create-engine.js'
export { action, type Buildable, rule, type Source, source } from './library/define.js'
export { Misuse } from './library/misuse.js'
export { BuildFailed, describe, Live, type Notice, Request } from './library/request.js'
export {
  type MemoryStore,
  memoryStore,
  type SqliteOptions,
  type SqliteStore,
  StoreFailed,
  sqliteStore,
} from './library/store.js'
export type { Builder, Need, ValuesOf, Wait } from './make/rule.js'
export { type BuildError, rootOf } from './model/build-error.js'
export { type Codec, CodecError, codec, type Json, type TypeOf } from './model/codec.js'
export type { FailureOf, Key, Needs, ReadContext, ValueOf, Watch } from './model/definition.js'
export { Bug } from './model/error.js'
export type * from './model/event.js'
export * from './model/ids.js'
export { checkInvariants } from './model/invariants.js'
export * from './model/state.js'
export type { ReadyView } from './reduce/gather.js'
export { gather } from './reduce/gather.js'
export type { Policy } from './reduce/policies/fixpoint.js'
export * as policies from './reduce/policies/fixpoint.js'
export { endTurn, reduce, type Step } from './reduce/reduce.js'
