/**
 * A study as one page that needs nothing else: plots are drawn by Vega when it is written, as SVG, so a browser runs no script to show it.
 * Vega is no dependency of the package: where it is not installed, the page says so in place of the plots.
 */
import { quantile, sorted } from '../metrics.js'
import { type Cell, GANTT_MAX, type Summary } from '../study.js'
import { tableOf } from './table.js'

type Plot = Readonly<Record<string, unknown>>

interface Plotter {
  readonly svg: (plot: Plot) => Promise<string>
}

const loadPlotter = async (): Promise<Plotter | undefined> => {
  try {
    const [vega, vegaLite] = (await Promise.all([import('vega'), import('vega-lite')])) as unknown as [
      VegaModule,
      VegaLiteModule,
    ]
    return {
      svg: async (plot) => {
        const { spec } = vegaLite.compile(plot)
        return new vega.View(vega.parse(spec), { renderer: 'none' }).toSVG()
      },
    }
  } catch {
    return undefined
  }
}
interface VegaModule {
  readonly parse: (spec: unknown) => unknown
  readonly View: new (runtime: unknown, options: unknown) => { readonly toSVG: () => Promise<string> }
}
interface VegaLiteModule {
  readonly compile: (plot: Plot) => { readonly spec: unknown }
}

export const htmlOf = async (cells: readonly Cell[], summaries: readonly Summary[], title: string): Promise<string> => {
  const plotter = await loadPlotter()
  const scenarios = [...new Set(cells.map(({ scenario }) => scenario))]
  const parts: string[] = []
  for (const scenario of scenarios) {
    const own = cells.filter((cell) => cell.scenario === scenario)
    const ownSummaries = summaries.filter((summary) => summary.scenario === scenario)
    parts.push(`<section><h2>${escaped(scenario)}</h2>`)
    if (plotter !== undefined) for (const plot of plotsOf(own, ownSummaries)) parts.push(await figure(plotter, plot))
    parts.push(`<pre>${escaped(tableOf(ownSummaries))}</pre>`)
    if (plotter !== undefined) parts.push(...(await gantts(plotter, own)))
    parts.push('</section>')
  }
  const missing =
    plotter === undefined ? '<p>No plots: <code>npm install vega vega-lite</code> and write it again.</p>' : ''
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="generator" content="redford lab"><title>${escaped(title)}</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head>
<body><h1>${escaped(title)}</h1>${missing}
${parts.join('\n')}
</body></html>
`
}

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}
figure{margin:1rem 0;overflow-x:auto}figcaption{color:#555}pre{overflow-x:auto;font-size:12px;background:#f6f6f6;padding:1rem}
details{margin:.5rem 0}summary{cursor:pointer}`

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

interface Drawn {
  readonly caption: string
  readonly plot: Plot
}

const figure = async (plotter: Plotter, { caption, plot }: Drawn): Promise<string> =>
  `<figure>${await plotter.svg(plot)}<figcaption>${escaped(caption)}</figcaption></figure>`

const plotsOf = (cells: readonly Cell[], summaries: readonly Summary[]): readonly Drawn[] => {
  const hasJobs = cells.some(({ latencies = [] }) => latencies.length > 1)
  const hasSizes = cells.some(({ occupancy: sizes = [] }) => sizes.length > 0)
  return [ratios(summaries), ...(hasJobs ? [latencies(cells)] : []), ...(hasSizes ? [occupancy(cells)] : [])]
}

const base = (values: readonly object[], rest: Plot): Plot => ({
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  data: { values },
  width: 720,
  ...rest,
})

const ratios = (summaries: readonly Summary[]): Drawn => {
  const isRecorded = summaries.some(({ numbers }) => numbers.makespanByRecorded !== undefined)
  const values = summaries.flatMap(({ policy, numbers }) => {
    const ratio = isRecorded ? numbers.makespanByRecorded : numbers.makespanRatio
    return ratio === undefined ? [] : [{ policy, ...ratio }]
  })
  const y = { field: 'policy', type: 'nominal', sort: null, title: null, axis: { labelLimit: 300 } }
  const x = (field: string) => ({
    field,
    type: 'quantitative',
    title: isRecorded ? 'makespan / recorded' : 'makespan / lower bound',
    scale: { zero: false },
  })
  const plot = base(values, {
    height: { step: 22 },
    layer: [
      { mark: { type: 'rule', strokeWidth: 2 }, encoding: { y, x: x('low'), x2: { field: 'high' } } },
      { mark: { type: 'point', filled: true, size: 60 }, encoding: { y, x: x('mean') } },
    ],
  })
  const by = isRecorded ? 'that of the recording' : 'what no schedule is better than'
  return { caption: `Makespan by ${by}: mean over seeds, with its 95 % bootstrap interval.`, plot }
}

/** So many points draw a curve. */
const POINTS = 100

const latencies = (cells: readonly Cell[]): Drawn => {
  const values = cells.flatMap(({ policy, latencies: all = [] }) => {
    const order = sorted(all)
    if (order.length === 0) return []
    return Array.from({ length: POINTS }, (_, i) => ({
      policy,
      part: (i + 1) / POINTS,
      ms: Math.max(0.001, quantile(order, (i + 1) / POINTS)),
    }))
  })
  const plot = base(values, {
    height: 320,
    mark: { type: 'line', interpolate: 'step-after' },
    encoding: {
      x: { field: 'ms', type: 'quantitative', scale: { type: 'log' }, title: 'latency in ms' },
      y: { field: 'part', type: 'quantitative', axis: { format: '%' }, title: 'jobs answered by then' },
      color: { field: 'policy', type: 'nominal', sort: null, legend: { labelLimit: 300 } },
    },
  })
  return { caption: `Latency of jobs, of seed ${cells[0]!.seed}.`, plot }
}

const occupancy = (cells: readonly Cell[]): Drawn => {
  const values = cells.flatMap(({ policy, occupancy: sizes = [] }) => {
    const counts = new Map<number, number>()
    for (const size of sizes) {
      const bin = 2 ** Math.floor(Math.log2(Math.max(1, size)))
      counts.set(bin, (counts.get(bin) ?? 0) + 1)
    }
    return [...counts].map(([bin, count]) => ({ policy, size: bin, part: count / sizes.length }))
  })
  const plot = base(values, {
    height: { step: 22 },
    mark: 'rect',
    encoding: {
      x: { field: 'size', type: 'ordinal', title: 'builds a tick, from', axis: { labelAngle: 0 } },
      y: { field: 'policy', type: 'nominal', sort: null, title: null, axis: { labelLimit: 300 } },
      color: {
        field: 'part',
        type: 'quantitative',
        title: 'part of ticks',
        scale: { scheme: 'blues', type: 'sqrt', domain: [0, 1] },
      },
    },
  })
  return { caption: 'Batch occupancy: how many builds a tick ran and started.', plot }
}

const gantts = async (plotter: Plotter, cells: readonly Cell[]): Promise<readonly string[]> => {
  const parts: string[] = []
  // Of one seed: all of them would be hundreds of pictures.
  const others = new Set(cells.map(({ seed }) => seed)).size > 1 ? '; another by --seed N' : ''
  for (const { policy, seed, gantt = [] } of cells) {
    if (gantt.length === 0) continue
    const values = gantt.map(({ name, job, slot, start, end }) => ({
      name,
      job: `job ${job}`,
      slot,
      start: start / 1000,
      end: end / 1000,
    }))
    const byJob = new Set(gantt.map(({ job }) => job)).size > 1
    const plot = base(values, {
      height: { step: 16 },
      mark: { type: 'bar', stroke: 'white', strokeWidth: 0.3 },
      encoding: {
        x: { field: 'start', type: 'quantitative', title: 'ms' },
        x2: { field: 'end' },
        y: { field: 'slot', type: 'ordinal' },
        color: byJob
          ? { field: 'job', type: 'nominal', legend: null, scale: { scheme: 'tableau20' } }
          : { value: '#4c78a8' },
        description: { field: 'name' },
      },
    })
    const drawn = await figure(plotter, {
      caption: `Which slot ran what, seed ${seed}${gantt.length === GANTT_MAX ? `: the first ${GANTT_MAX} tasks` : ''}.`,
      plot,
    })
    parts.push(`<details><summary>Gantt: ${escaped(policy)}, seed ${seed}${others}</summary>${drawn}</details>`)
  }
  return parts
}
