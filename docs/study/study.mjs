// npm run study: the study of README.md beside this file, anew. `--seeds N`, and `--html FILE` for the page with its plots.
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { csvOf, htmlOf, markdownOf, runPlan, scenarioOf, summariesOf } from '../../dist/lab/index.js'

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '30' }, html: { type: 'string' } } })
const here = dirname(fileURLToPath(import.meta.url))
const traces = join(here, '..', '..', 'test', 'lab', 'traces')

const settings = { machine: { slots: 8 }, estimates: { _tag: 'error', sigma: 0.3 }, load: 0.8, speed: 1, clients: 0 }
const study = [
  {
    source: join(traces, 'own-curl-build.json'),
    jobs: 1,
    columns: ['makespanRatio', 'all.mean', 'utilisation'],
    about: 'One build of curl, from nothing: 463 tasks, 69 s of work, on 8 slots.',
  },
  {
    source: 'layered:12x40',
    jobs: 1,
    columns: ['makespanRatio', 'all.mean', 'utilisation'],
    about:
      'One build of 12 layers of 40 tasks, each of which needs up to 3 of the layer before; few of them are long. Another graph each seed.',
  },
  {
    source: join(traces, 'own-curl-changes.json'),
    jobs: 60,
    columns: ['all.mean', 'all.p50', 'all.p99', 'all.slowdown', 'jain'],
    about:
      'Changes of curl, each in a checkout of its own, 60 in a row from somewhere in its history, at a load of 0.8.',
  },
  {
    source: `edits:${join(traces, 'own-curl-changes.json')}`,
    jobs: 60,
    columns: ['all.mean', 'all.p50', 'all.p99', 'shared', 'wasted'],
    about:
      'The same in one checkout: a change makes necessary what another one may have made already, or must make again.',
  },
]
const policies = [
  'fullBatch',
  'fixpoint',
  'cap(1)',
  'firstCome',
  'fairShare',
  'leastAttained',
  'shortestRemaining(0)',
  'shortestRemaining',
  'criticalPath',
  'shortestRemaining>criticalPath',
  'leastAttained>criticalPath',
  'random',
]
const plan = {
  specs: study.map(({ source, jobs }) => ({ source, settings: { ...settings, jobs } })),
  policies,
  seeds: Array.from({ length: Number(values.seeds) }, (_, i) => i + 1),
}

const began = performance.now()
let done = 0
const all = plan.specs.length * policies.length * plan.seeds.length
const cells = await runPlan(plan, availableParallelism(), () => {
  if (++done % 50 === 0)
    process.stderr.write(`study: ${done} of ${all} runs, ${Math.round((performance.now() - began) / 1000)} s\n`)
})
const columns = [...new Set(study.flatMap((each) => each.columns))]
const summaries = summariesOf(cells, [...columns, 'occupancy'])
const sections = study.map(({ source, jobs, columns: own, about }) => {
  const { name } = scenarioOf({ source, settings: { ...settings, jobs } })
  return `### ${name}\n\n${about}\n\n${markdownOf(
    summaries.filter(({ scenario }) => scenario === name),
    own,
  )}`
})

const readme = join(here, 'README.md')
const [before, after] = readFileSync(readme, 'utf8').split(/<!-- figures -->[\s\S]*<!-- end of figures -->/)
const figures = `<!-- figures -->\n${plan.seeds.length} seeds; means, with their 95 % bootstrap intervals where these differ in what is shown.\n\n${sections.join('\n')}<!-- end of figures -->`
writeFileSync(readme, `${before}${figures}${after}`)
writeFileSync(join(here, 'study.csv'), csvOf(cells, columns))
if (values.html !== undefined) writeFileSync(values.html, await htmlOf(cells, summariesOf(cells), 'Batching policies'))
process.stderr.write(`study: ${all} runs in ${Math.round((performance.now() - began) / 1000)} s\n`)
