/** Studies as text: a table for the terminal, and CSV. */
import type { Interval } from '../bootstrap.js'
import { numberOf } from '../metrics.js'
import { type Cell, COLUMNS, type Summary } from '../study.js'

const short: Readonly<Record<string, string>> = {
  makespanRatio: 'makespan/bound',
  'all.mean': 'mean ms',
  'all.p50': 'p50 ms',
  'all.p95': 'p95 ms',
  'all.p99': 'p99 ms',
  'all.max': 'max ms',
  'all.slowdown': 'slowdown',
  delayP99: 'delay p99 ms',
  longestTurn: 'turn max ms',
  longestWait: 'wait max ms',
  realUsPerTick: 'µs/tick',
}
export const titleOf = (column: string): string => short[column] ?? column

/** Three digits that count, or all before the point. */
export const shown = (value: number): string => {
  if (!Number.isFinite(value)) return '-'
  const size = Math.abs(value)
  return size >= 100 ? String(Math.round(value)) : value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3)
}

export const intervalWords = ({ mean, low, high }: Interval): string =>
  shown(low) === shown(high) ? shown(mean) : `${shown(mean)} [${shown(low)}, ${shown(high)}]`

/** One table a scenario; columns that say nothing there are left out. */
export const tableOf = (summaries: readonly Summary[], columns: readonly string[] = COLUMNS): string => {
  const scenarios = [...new Set(summaries.map(({ scenario }) => scenario))]
  return scenarios
    .map((scenario) => {
      const rows = summaries.filter((summary) => summary.scenario === scenario)
      const own = columnsFor(rows, columns)
      const head = ['policy', ...own.map(titleOf)]
      const body = rows.map(({ policy, numbers }) => [policy, ...own.map((name) => intervalWords(numbers[name]!))])
      const widths = head.map((title, i) => Math.max(title.length, ...body.map((row) => row[i]!.length)))
      const line = (row: readonly string[]): string =>
        row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')
      const breaches = rows.flatMap(({ breach }) => (breach === undefined ? [] : [`broke the rules: ${breach}`]))
      return [`${scenario}, ${rows[0]!.seeds} seeds`, line(head), ...body.map(line), ...breaches, ''].join('\n')
    })
    .join('\n')
}

/** Of one job, its latency is the makespan; and what is 0 for all need not be shown. */
const columnsFor = (rows: readonly Summary[], columns: readonly string[]): readonly string[] => {
  const hasOneJob = rows.every(({ numbers }) => numbers['all.p50']?.mean === numbers['all.max']?.mean)
  return columns.filter((name) => {
    if (hasOneJob && ((name.startsWith('all.') && name !== 'all.mean') || name === 'jain')) return false
    return rows.some(({ numbers }) => numbers[name]!.mean !== 0)
  })
}

const quoted = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

/** A line a cell. */
export const csvOf = (cells: readonly Cell[], columns: readonly string[] = COLUMNS): string =>
  [
    ['scenario', 'policy', 'seed', ...columns, 'breach'].join(','),
    ...cells.map(({ scenario, policy, seed, metrics, breach }) =>
      [scenario, policy, String(seed), ...columns.map((name) => String(numberOf(metrics, name) ?? '')), breach ?? '']
        .map(quoted)
        .join(','),
    ),
    '',
  ].join('\n')

/** Markdown, for documents. */
export const markdownOf = (summaries: readonly Summary[], columns: readonly string[]): string => {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    row(['policy', ...columns.map(titleOf)]),
    row(['---', ...columns.map(() => '---')]),
    ...summaries.map(({ policy, numbers }) =>
      row([`\`${policy}\``, ...columns.map((name) => intervalWords(numbers[name]!))]),
    ),
    '',
  ].join('\n')
}
