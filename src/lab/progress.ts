/** How far something is that may take long, in a line of the terminal that others take the place of. Nothing where standard error is none. */

// A dumb one, as in an editor, would show the codes themselves.
const canDraw = (): boolean => process.stderr.isTTY === true && process.env.TERM !== 'dumb'

let isDrawing = false

export const drawProgress = (words: string): void => {
  if (!canDraw()) return
  // A terminal that does not say how wide it is has 0 columns.
  const columns = process.stderr.columns || 80
  isDrawing = true
  process.stderr.write(`\r\u001b[K${words.slice(0, Math.max(20, columns - 1))}`)
}

/** To be called before anything else is written. */
export const clearProgress = (): void => {
  if (!isDrawing) return
  isDrawing = false
  process.stderr.write('\r\u001b[K')
}
