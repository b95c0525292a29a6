/** `redford/testing`: a test kit for builds, in which a schedule is data. */
export type { Control } from '../library/control.js'
export { fingerprint } from './fingerprint.js'
export {
  type Check,
  forAllSchedules,
  InjectedFault,
  ScheduleFailure,
  type ScheduleOptions,
  type Schedules,
} from './for-all-schedules.js'
export { type EngineFactory, Stuck } from './pump.js'
export { Choices, type Schedule, scheduleOf, textOfSchedule } from './schedule.js'
