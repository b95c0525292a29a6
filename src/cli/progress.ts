import { clearProgress, drawProgress } from '../lab/progress.js'

/** What `act` comes to, which says of how many `ticks` it is through: who waits at a terminal sees it. */
export const withProgress = <T>(ticks: number, act: (onProgress: (tick: number) => void) => T): T => {
  try {
    return act((tick) => drawTicks(tick, ticks))
  } finally {
    clearProgress()
  }
}

export const drawTicks = (tick: number, ticks: number): void => drawProgress(`redo  ${tick} of ${ticks} ticks`)
