// The rows of the bench, how they are judged, and the table.

/**
 * One line of the table. `figures` are medians, the product's own first. `value` is what `goal` and `bound` speak of; smaller is
 * better. A row without a bound is shown and not judged; a row with an `error` could not be measured, and counts as a broken bound.
 * @typedef {object} Row
 * @property {string} name
 * @property {string} unit of the figures: 'ms', 'µs', 'bytes'
 * @property {Readonly<Record<string, number>>} figures
 * @property {number} [value]
 * @property {string} [against] what `value` is a ratio to, 'ninja'; absent: `value` is in `unit`
 * @property {number} [goal]
 * @property {number} [bound]
 * @property {string} [note]
 * @property {string} [error]
 */

/**
 * A row whose value is the ratio of the first figure to a peer's. Without the peer there is no value.
 * @param {string} name
 * @param {Readonly<Record<string, import('./support.mjs').Sample>>} medians 'redford' and the peers
 * @param {{ against?: string, goal?: number, bound?: number, note?: string }} [limits]
 * @returns {Row}
 */
export const ratioRow = (name, medians, { against = 'ninja', ...limits } = {}) => {
  const own = medians.redford
  const peer = medians[against]
  const figures = Object.fromEntries(Object.entries(medians).map(([who, { ms }]) => [who, ms]))
  if (own === undefined || peer === undefined)
    return { name, unit: 'ms', figures, ...limits, note: `no ${against} to compare with` }
  // Children's CPU time is counted in hundredths of a second: below a tenth it says nothing.
  const cpu = own.cpuMs >= 100 && peer.cpuMs >= 100 ? `CPU time ${number(own.cpuMs / peer.cpuMs)}x` : undefined
  const note = [limits.note, cpu].filter((part) => part !== undefined).join('; ')
  return { name, unit: 'ms', figures, value: own.ms / peer.ms, against, ...limits, ...(note === '' ? {} : { note }) }
}

/** 'goal' reached, 'pass' within the bound, 'FAIL' beyond it or not measured, '-' not judged. */
export const mark = (/** @type {Row} */ { value, goal, bound, error }) => {
  if (error !== undefined) return 'FAIL'
  if (value === undefined || bound === undefined) return '-'
  if (!(value <= bound)) return 'FAIL'
  return goal !== undefined && value <= goal ? 'goal' : 'pass'
}

const number = (/** @type {number} */ n) =>
  n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n >= 0.1 || n <= 0 ? n.toFixed(2) : n.toPrecision(2)

const cells = (/** @type {Row} */ row) => [
  row.name,
  Object.entries(row.figures)
    .map(([who, figure]) => `${who} ${number(figure)}`)
    .join('  ') + (Object.keys(row.figures).length > 0 ? ` ${row.unit}` : ''),
  row.value === undefined
    ? ''
    : row.against === undefined
      ? `${number(row.value)} ${row.unit}`
      : `${number(row.value)}x ${row.against}`,
  row.goal === undefined ? '' : String(row.goal),
  row.bound === undefined ? '' : String(row.bound),
  mark(row),
  row.error?.split('\n')[0] ?? row.note ?? '',
]

/** One row as a line of progress. */
export const line = (/** @type {Row} */ row) =>
  cells(row)
    .filter((cell) => cell !== '')
    .join('  ')

/** The table, with what could not be measured told in full below it. */
export const table = (/** @type {readonly Row[]} */ rows) => {
  const lines = [['line', 'medians', 'value', 'goal', 'bound', '', ''], ...rows.map(cells)]
  const widths = lines.reduce(
    (max, line) => max.map((width, column) => Math.max(width, line[column]?.length ?? 0)),
    Array(7).fill(0),
  )
  const text = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  )
  const errors = rows.flatMap(({ name, error }) => (error?.includes('\n') ? [`\n${name}: ${error}`] : []))
  return `${[...text, ...errors].join('\n')}\n`
}
