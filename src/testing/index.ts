/** `redford/testing`: a test kit for builds, in which a schedule is data. */
export type { Control } from '../library/control.js'
export * as arb from './arb.js'
export { type Dag, dagsOf } from './dags.js'
export { Counterexample, type Explored, type ExploreOptions, explore } from './explore.js'
export { oracle as fileOracle, type Rule as FileRule, type World as FileWorld } from './files.js'
export { type FileOptions, forAllFileSchedules, playFiles } from './files-schedules.js'
export { fingerprint } from './fingerprint.js'
export {
  type Check,
  forAllSchedules,
  InjectedFault,
  type ScheduleOptions,
} from './for-all-schedules.js'
export { type Course, resultsOf } from './judgements.js'
export { type LawOptions, lawScript, laws, type Runner } from './laws.js'
export { extend, type Judgement, matchers } from './matchers.js'
export { oracleOf, type Result, textOfError } from './oracle.js'
export {
  type Evaluation,
  evaluate,
  type Plan,
  type Plans,
  type Result as PlanResult,
  rulesOf,
  type Truth,
} from './plans.js'
export type { Play } from './play.js'
export { expectConfluent, expectLawful, play } from './plays.js'
export { type EngineFactory, Stuck } from './pump.js'
export { Impure, type PurityOptions, purity } from './purity.js'
export { Choices, type Schedule, scheduleOf, textOfSchedule } from './schedule.js'
export type { Sample, Step } from './scripts.js'
export { ScheduleFailure, type Schedules, type SearchOptions } from './search.js'
export { shapeOf } from './shape.js'
export { type Fault, type Script, type ScriptStep, type SpaceOptions, Unlawful } from './space.js'
export { buildsOf, type SweepOptions, type Swept, sweep } from './sweep.js'
export type { Config as PlayConfig } from './watched.js'
