import { clearProgress, drawProgress } from '../lab/progress.js'

/** What `act` comes to, which says of how many `ticks` it is through: who waits at a terminal sees it. */
export const withProgress = <T>(ticks: number, act: (onProgress: (tick: number) => void) => T): T => {
  try {
    return act((tick) => drawProgress(`redo  ${tick} of ${ticks} ticks`))
  } finally {
    clearProgress()
  }
}
