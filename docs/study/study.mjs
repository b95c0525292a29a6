// npm run study: the study of README.md beside this file, anew. `--seeds N`, and `--html FILE` for the page with its plots.
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { classRules, csvOf, htmlOf, markdownOf, runPlan, scenarioOf, summariesOf } from '../../dist/lab/index.js'

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '30' }, html: { type: 'string' } } })
const here = dirname(fileURLToPath(import.meta.url))
const trace = (name) => join(here, '..', '..', 'test', 'lab', 'traces', name)
const curl = trace('own-curl-build.json')
const montage = trace('montage-chameleon-2mass-005d-001.json')
const requests = trace('AzureLLMInferenceTrace_code.csv')

const base = {
  machine: { slots: 8 },
  estimates: { _tag: 'error', sigma: 0.3 },
  load: 0.8,
  jobs: 1,
  speed: 1,
  clients: 0,
}
const classes = (...texts) => ({ classes: classRules(texts) })
const latencies = ['small', 'large'].flatMap((of) => ['mean', 'p99'].map((number) => ({ class: of, number })))

/** The 12 policies on each of the 4 traces. */
const main = {
  policies: [
    'fullBatch',
    'fixpoint',
    'firstCome',
    'fairShare',
    'fairShare(small: 3)',
    'leastAttained',
    'shortestRemaining(0)',
    'shortestRemaining',
    'deadline',
    'criticalPath',
    'shortestRemaining>criticalPath',
    'random',
  ],
  studies: [
    {
      source: curl,
      columns: ['makespan', 'makespanRatio', 'utilisation', 'longestWait'],
      about: 'One build of curl, from nothing, by ninja: 463 tasks, 69 s of work, on 8 slots.',
    },
    {
      source: montage,
      machine: { slots: 4 },
      columns: ['makespan', 'makespanRatio', 'utilisation', 'longestWait'],
      about: 'One run of Montage, a workflow that makes a mosaic of pictures of the sky: 58 tasks, on 4 slots.',
    },
    {
      source: trace('own-curl-changes.json'),
      jobs: 60,
      ...classes('small=<2000,due=3000', 'large,due=30000'),
      columns: ['all.mean', 'all.p99', 'all.slowdown', 'all.late', 'jain', ...latencies],
      about:
        'Changes of curl, each in a checkout of its own, 60 in a row from somewhere in its history, at a load of 0.8. Small: less than 2 s of work, due 3 s after they are asked for; the others are due after 30 s.',
    },
    {
      source: requests,
      jobs: 200,
      ...classes('small=<2000,due=2000', 'large,due=20000'),
      columns: ['all.mean', 'all.p99', 'all.slowdown', 'all.late', 'jain', ...latencies],
      about:
        'Requests to a service of Azure, 200 in a row as they came in bursts, slowed down to a load of 0.8: each a star of 2 to 13 equal tasks that need nothing, and one that needs them all. Small: less than 2 s of work, due after 2 s; the others are due after 20 s.',
    },
  ],
}

const spread = (sigma) => ({ _tag: 'error', sigma })
const knowledge = [
  ['exact', { _tag: 'exact' }],
  ['off by a spread of 0.3', spread(0.3)],
  ['off by a spread of 1', spread(1)],
  ['the mean of each rule', { _tag: 'rules' }],
  ['unknown', { _tag: 'none' }],
]
const built = [
  ['curl', curl, [2, 8, 32]],
  ['Montage', montage, [4]],
]
const knowing = (all) =>
  built.flatMap(([of, source, machines]) =>
    machines.flatMap((slots) =>
      all.map(([words, known]) => ({
        name: `${of}, costs ${words}`,
        source,
        machine: { slots },
        estimates: known,
        columns: ['makespanRatio'],
      })),
    ),
  )
const estimates = { policies: ['criticalPath'], studies: knowing(knowledge) }
const unasked = { policies: ['fullBatch'], studies: knowing([knowledge[0]]) }

const tree = {
  policies: ['fullBatch', 'firstCome', 'leastAttained', 'shortestRemaining', 'criticalPath'],
  studies: [
    {
      source: `edits:${trace('own-curl-changes.json')}`,
      jobs: 60,
      columns: ['all.mean', 'all.p50', 'all.p99', 'shared', 'wasted', 'longestWait'],
    },
  ],
}

const overhead = { perTurn: 20, perTick: 20, perBuild: 2, commit: 100 }
const server = {
  policies: [
    'fixpoint',
    'firstCome',
    'shortestRemaining(0)',
    'shortestRemaining(0)+slice(5)',
    'shortestRemaining(0)+aimd(5)',
  ],
  studies: ['fixpoint', { ms: 5 }].map((drive) => ({
    name: `requests, ${drive === 'fixpoint' ? 'all ticks in one turn' : 'turns of 5 ms'}`,
    source: requests,
    machine: { slots: 0, ...overhead },
    speed: 200,
    jobs: 1000,
    drive,
    ...classes('small=<10', 'large'),
    columns: ['delayP99', 'longestTurn', ...latencies],
  })),
}

const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i + 1)
const began = performance.now()
const seconds = () => Math.round((performance.now() - began) / 1000)

/** What became of a part of the study, by scenario. */
const ran = async (what, { policies, studies }) => {
  const specs = studies.map(({ source, name, columns: _, about: __, ...settings }) => ({
    source,
    ...(name !== undefined && { name }),
    settings: { ...base, ...settings },
  }))
  const all = specs.length * policies.length * seeds.length
  let done = 0
  const cells = await runPlan({ specs, policies, seeds }, availableParallelism(), () => {
    if (++done % 100 === 0) process.stderr.write(`${what}: ${done} of ${all} runs, ${seconds()} s\n`)
  })
  process.stderr.write(`${what}: ${all} runs, ${seconds()} s since the beginning\n`)
  const summaries = summariesOf(cells, [...new Set(studies.flatMap(({ columns }) => columns))])
  return {
    cells,
    scenarios: specs.map((spec, i) => {
      const { name } = scenarioOf(spec)
      return { ...studies[i], name, summaries: summaries.filter(({ scenario }) => scenario === name) }
    }),
  }
}

const traces = await ran('four traces', main)
const traceSeconds = seconds()
const byKnowledge = await ran('estimates', estimates)
const withoutCosts = await ran('no estimates', unasked)
const ofTree = await ran('one tree', tree)
const onThread = await ran('one thread', server)

const section = ({ name, about, summaries, columns }) =>
  `### ${name}\n\n${about === undefined ? '' : `${about}\n\n`}${markdownOf(summaries, columns)}`

/** Machines across, and what is known of costs down. */
const estimateTable = () => {
  const machines = built.flatMap(([of, , machines]) => machines.map((slots) => [of, slots]))
  const ratio = (scenarios, [of, slots], words) => {
    const { mean, low, high } = scenarios.find(({ name }) => name === `${of}, costs ${words}, ${slots} slots`)
      .summaries[0].numbers.makespanRatio
    const [a, b, c] = [mean, low, high].map((number) => number.toFixed(3))
    return b === c ? a : `${a} [${b}, ${c}]`
  }
  const row = (cells) => `| ${cells.join(' | ')} |`
  const ratios = (scenarios, words) => machines.map((machine) => ratio(scenarios, machine, words))
  return [
    row(['policy', 'costs', ...machines.map(([of, slots]) => `${of}, ${slots} slots`)]),
    row(['---', '---', ...machines.map(() => '---')]),
    ...knowledge.map(([words]) => row(['`criticalPath`', words, ...ratios(byKnowledge.scenarios, words)])),
    row(['`fullBatch`', 'not asked for', ...ratios(withoutCosts.scenarios, 'exact')]),
    '',
  ].join('\n')
}

const parts = [
  `${seeds.length} ${seeds.length === 1 ? 'seed' : 'seeds'}; means, with their 95 % bootstrap intervals where these differ in what is shown. ${main.policies.length} policies by ${main.studies.length} traces by ${seeds.length} seeds took ${traceSeconds} s on ${availableParallelism()} cores.\n`,
  ...traces.scenarios.map(section),
  `### What is known of costs\n\nMakespan by its lower bound. A spread is that of the logarithm of the factor by which each cost is off; of what has not run yet redo believes the mean of its rule.\n\n${estimateTable()}`,
  `### Changes of one tree, 8 slots\n\nThe changes of curl, in one checkout: a change makes necessary what another one may have made already, or must make again.\n\n${markdownOf(ofTree.scenarios[0].summaries, ofTree.scenarios[0].columns)}`,
  `### Requests on one thread\n\nThe requests to Azure, 1000 in a row, 200 times as fast, so that a task takes from 0.05 to 4 ms, on the thread of the engine, which takes 20 µs for a turn and a tick, 2 for a build, 100 for a commit. Small: less than 10 ms of work.\n\n${onThread.scenarios.map(({ name, summaries, columns }) => `**${name.replace(', one thread', '')}**\n\n${markdownOf(summaries, columns)}`).join('\n')}`,
]
const readme = join(here, 'README.md')
const [before, after] = readFileSync(readme, 'utf8').split(/<!-- figures -->[\s\S]*<!-- end of figures -->/)
writeFileSync(readme, `${before}<!-- figures -->\n${parts.join('\n')}<!-- end of figures -->${after}`)
const columns = [...new Set(main.studies.flatMap((each) => each.columns))].filter(
  (column) => typeof column === 'string',
)
writeFileSync(join(here, 'study.csv'), csvOf(traces.cells, columns))
if (values.html !== undefined)
  writeFileSync(values.html, await htmlOf(traces.cells, summariesOf(traces.cells), 'Batching policies'))
process.stderr.write(`study: all in ${seconds()} s\n`)
