import { drawProgress } from '../lab/progress.js'

/** Who waits at a terminal sees how far a recording is gone through. Whatever is printed next takes its place: see `processOut`. */
export const drawTicks = (tick: number, ticks: number): void => drawProgress(`redo  ${tick} of ${ticks} ticks`)
