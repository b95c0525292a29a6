/** Studies as text: a table for the terminal, and CSV. */
import type { Interval } from '../bootstrap.js'
import { type Column, keyOf, type Latency, numberOf } from '../metrics.js'
import { type Cell, CLASS_COLUMNS, COLUMNS, classColumns, type Summary } from '../study.js'

const short: Readonly<Record<string, string>> = {
  makespan: 'makespan ms',
  makespanRatio: 'makespan/bound',
  makespanByRecorded: 'makespan/recorded',
  'all.mean': 'mean ms',
  'all.p50': 'p50 ms',
  'all.p95': 'p95 ms',
  'all.p99': 'p99 ms',
  'all.max': 'max ms',
  'all.slowdown': 'slowdown',
  'all.late': 'late',
  delayP99: 'delay p99 ms',
  longestTurn: 'turn max ms',
  longestWait: 'wait max ms',
  realUsPerTick: 'µs/tick',
}
const titleOf = (column: Column): string =>
  typeof column === 'string' ? (short[column] ?? column) : `${column.class}: ${latencyTitleOf(column.number)}`

const latencyTitleOf = (number: keyof Latency): string => (number === 'count' ? number : titleOf(`all.${number}`))

/** Three digits that count, or all before the point. */
export const shown = (value: number): string => {
  if (!Number.isFinite(value)) return '-'
  const size = Math.abs(value)
  return size >= 100 ? String(Math.round(value)) : value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3)
}

/** Of what is not known, `-`. */
const intervalWords = (interval: Interval | undefined): string => {
  if (interval === undefined) return '-'
  const { mean, low, high } = interval
  return shown(low) === shown(high) ? shown(mean) : `${shown(mean)} [${shown(low)}, ${shown(high)}]`
}

/** One table a scenario; columns that say nothing there, or are not known, are left out. */
export const tableOf = (summaries: readonly Summary[], columns: readonly Column[] = COLUMNS): string => {
  const scenarios = [...new Set(summaries.map(({ scenario }) => scenario))]
  return scenarios
    .map((scenario) => {
      const rows = summaries.filter((summary) => summary.scenario === scenario)
      const own = columnsFor(rows, columns)
      const all = aligned([
        ['policy', ...own.map(titleOf)],
        ...rows.map(({ policy, numbers }) => [policy, ...own.map((column) => intervalWords(numbers[keyOf(column)]))]),
      ])
      const breaches = rows.flatMap(({ breach, starves }) => [
        ...(breach === undefined ? [] : [`broke the rules: ${breach}`]),
        ...(starves === undefined ? [] : [starves]),
      ])
      const { seeds } = rows[0]!
      return [
        `${scenario}, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}`,
        ...all,
        ...classTable(rows),
        ...breaches,
        '',
      ].join('\n')
    })
    .join('\n')
}

/** The first columns, which are names, to the left. */
const aligned = (rows: readonly (readonly string[])[], names = 1): readonly string[] => {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) =>
    row.map((cell, i) => (i < names ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
  )
}

/** Latencies by class, where there are several. */
const classTable = (rows: readonly Summary[]): readonly string[] => {
  const classes = [...new Set(rows.flatMap((row) => row.classes))]
  if (classes.length === 0) return []
  const said = CLASS_COLUMNS.filter((column) =>
    rows.some(({ numbers }) => classes.some((name) => isSaid(numbers[keyOf({ class: name, number: column })]))),
  )
  const body = classes.flatMap((name) =>
    rows.map(({ policy, numbers }) => [
      name,
      policy,
      ...said.map((column) => {
        const interval = numbers[keyOf({ class: name, number: column })]
        const isWhole = column === 'count' && interval !== undefined && interval.low === interval.high
        return isWhole ? String(interval.mean) : intervalWords(interval)
      }),
    ]),
  )
  return ['', ...aligned([['class', 'policy', ...said.map(latencyTitleOf)], ...body], 2)]
}

/** The latency of one job is the makespan; and what is 0 for all need not be shown. */
const columnsFor = (rows: readonly Summary[], columns: readonly Column[]): readonly Column[] => {
  const hasOneJob = rows.every(({ jobs }) => jobs <= 1)
  return columns.filter((column) => {
    if (hasOneJob && typeof column === 'string' && (column.startsWith('all.') || column === 'jain')) return false
    return rows.some(({ numbers }) => isSaid(numbers[keyOf(column)]))
  })
}

const isSaid = (interval: Interval | undefined): boolean => interval !== undefined && interval.mean !== 0

const quoted = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

/** A line a cell, with the latencies of each class behind those of all. */
export const csvOf = (cells: readonly Cell[], columns: readonly Column[] = COLUMNS): string => {
  const all = [...columns, ...classColumns(cells)]
  return [
    ['scenario', 'policy', 'seed', ...all.map(keyOf), 'breach'],
    ...cells.map(({ scenario, policy, seed, metrics, breach }) => [
      scenario,
      policy,
      String(seed),
      ...all.map((column) => String(numberOf(metrics, column) ?? '')),
      breach ?? '',
    ]),
  ]
    .map((line) => `${line.map(quoted).join(',')}\n`)
    .join('')
}

/** Markdown, for documents. */
export const markdownOf = (summaries: readonly Summary[], columns: readonly Column[]): string => {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    row(['policy', ...columns.map(titleOf)]),
    row(['---', ...columns.map(() => '---')]),
    ...summaries.map(({ policy, numbers }) =>
      row([`\`${policy}\``, ...columns.map((column) => intervalWords(numbers[keyOf(column)]))]),
    ),
    '',
  ].join('\n')
}
