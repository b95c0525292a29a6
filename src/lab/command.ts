/** `redford lab`: from words to a study, and from that to a table, CSV, JSON and a page. */
import { statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parsingFault } from '../model/misuse.js'
import { policyNames } from '../reduce/policies/named.js'
import type { Ends } from '../replay/replay.js'
import { classRules } from './classes.js'
import { LabError } from './graph.js'
import { isPolicyFile, loadPolicy } from './load-policy.js'
import {
  expectNone,
  expectStudy,
  expectValidation,
  moreThan0,
  numberIn,
  onceEach,
  parse,
  type Values,
  wholeIn,
} from './options.js'
import { expectFree } from './outputs.js'
import { type Plan, runPlan } from './plan.js'
import { clearProgress, drawProgress } from './progress.js'
import { isRecording, toldOf, type Validation, validate } from './recordings.js'
import { htmlOf } from './report/html.js'
import { csvOf, shown, tableOf } from './report/table.js'
import { filesOf, isOneJob, type Settings, type Spec } from './scenarios.js'
import { type Cell, summariesOf } from './study.js'
import { validateProject } from './validate.js'

const labUsage = `usage: redford lab [OPTIONS] TRACE...
       redford lab validate [-j N,...] [--runs N] [FOLDER] [TARGET...]
       redford lab validate [--policy FILE] RECORDING...
Runs policies on workloads, under the real engine and a pretended machine, and says how they did.

A TRACE is a file: a workflow in WfFormat, a build with its costs (own-build.json), change sets of its sources (own-changes.json,
beside the build; edits:own-changes.json: of one tree that all share), times of requests with their sizes (CSV; its columns class and due_ms are
not sizes, but what they say), a build.ninja with its .ninja_log, a recording (--slots 0: as it was; its makespan and slowdown are by the recorded
ones); or a graph that is drawn: chain:N, star:N, layered:LxW, queue:fixed, queue:exponential.

  --policy P       a policy, more than once for more: ${policyNames.slice(0, 8).join(', ')},
                   ${policyNames.slice(8).join(', ')};
                   with arguments, as in cap(4), fairShare(ui: 3), perClass(ui: firstCome, batch: cap(4)); one order before another: 'shortestRemaining>criticalPath';
                   a part of what another takes: 'shortestRemaining+slice(5)'; or a file whose default export is one
  --slots N,...    machines with so many slots (2); 0: one thread, on which the engine runs too
  --seeds N        so many seeds (10); --seed N: only this one
  --load X         how busy the slots are to be, where many jobs arrive (0.8)
  --arrivals A     when the jobs of a trace of many arrive, slowed down or sped up to the load: chance (default); recorded, as the trace says;
                   or a file of times (CSV), as of edits: 'edits:own-changes.json --arrivals edits.csv'
  --jobs N         how many jobs of a trace of many are one run (200)
  --clients N      a closed loop of so many clients
  --estimates E    what is known of costs: exact, none, rules (the mean of each rule), or the error of their logarithm (0.3)
  --drive D        ticks: fixpoint (default), batch (one a turn), or ms of a turn
  --class C        a class of requests, more than once for more, first that holds: NAME, which jobs are of it, and in how many ms they are due:
                   ui=20%,due=300 (by chance), 'small=<500' (less work than so many ms), batch (the rest)
  --overhead O     what the engine itself takes, in µs: turn=N,tick=N,build=N,commit=N, or N,N for a tick and each build in it (all 0)
  --speed X        the machine is so many times as fast as that of the trace
  --csv FILE, --json FILE, --html FILE
  --export FILE    one run as a recording, for redford replay, step, log: of one TRACE, with one --slots, --policy and --seed
  --threads N      share the work among so many

validate: how far the simulation is from the world. Builds the targets (all) of the project in FOLDER (.) from nothing, in a copy, and simulates
the same with what was recorded; with more numbers of slots than one, also each as the recordings of the others say. Or does so with recordings.

  -j N,...         so many slots (as many as processors)
  --runs N         so many builds with each (3)
  --policy FILE    the policy that was recorded, or that redford.config.js has: where it is somebody's own, a recording has its name alone

Told at length in docs/lab.md, and what is good for what in docs/study/README.md.
`

const DEFAULT_POLICIES = [
  'fullBatch',
  'firstCome',
  'criticalPath',
  'shortestRemaining',
  'leastAttained',
  'fairShare',
  'random',
]

/** The exit code: 0; 1 a policy broke the rules, or a trace is none, or a damaged one; 2 usage. */
export const labCommand = async (args: readonly string[]): Promise<number> => {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (error) {
    if (error instanceof LabError) return refuse(error.message, 1)
    return refuse(parsingFault(error as Error), 2)
  }
  const { values, positionals } = parsed
  if (positionals[0] === 'validate' && values.help !== true) return validateAll(positionals.slice(1), values)
  if (values.help === true || positionals.length === 0) {
    process.stdout.write(labUsage)
    return values.help === true ? 0 : 2
  }
  try {
    const plan = planOf(positionals, values)
    const threads = wholeIn('--threads', values.threads, availableParallelism(), 1)
    const recordings = tellOf(positionals)
    const cells = await runPlan(plan, threads, progress(plan))
    clearProgress()
    return Math.max(await report(cells, values, recordings), isWhole(recordings) ? 0 : 1)
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    clearProgress()
    return refuse(error.message, 1)
  }
}

/** Of recordings, or of a project that is built. Exit code 1 where one cannot be read, or is not built. */
const validateAll = async (words: readonly string[], values: Values): Promise<number> => {
  const say = (what: string, { recorded, simulated, error, guessed }: Validation): void => {
    const guesses = guessed === 0 ? '' : `, ${guessed} runs guessed`
    process.stdout.write(
      `${what}: took ${shown(recorded)} ms, simulated ${shown(simulated)} ms, off by ${shown(100 * error)} %${guesses}\n`,
    )
  }
  try {
    expectValidation(values, words)
    const [named] = values.policy ?? []
    const policy = named === undefined ? undefined : await loadPolicy(named)
    if (words.length > 0 && words.every(isRecording)) {
      const recordings = tellOf(words)
      for (const path of words) say(path, validate(path, policy))
      return isWhole(recordings) ? 0 : 1
    }
    const isFolder = words[0] !== undefined && statSync(words[0], { throwIfNoEntry: false })?.isDirectory() === true
    const targets = isFolder ? words.slice(1) : words
    const jobs = (values.j ?? String(availableParallelism())).split(',').map((text) => wholeIn('-j', text, 1, 1))
    const found = validateProject({
      folder: isFolder ? words[0]! : '.',
      targets: targets.length === 0 ? ['all'] : targets,
      jobs: [...new Set(jobs)],
      runs: wholeIn('--runs', values.runs, 3, 1),
      main: process.argv[1]!,
      ...(policy !== undefined && { policy }),
    })
    for (const one of found)
      say(one._tag === 'same' ? `-j${one.jobs}, run ${one.run}` : `-j${one.jobs}, as -j${one.from} says`, one)
    return 0
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    return refuse(error.message, 1)
  }
}

/** By their paths. */
type Recordings = ReadonlyMap<string, Ends>

/** Of those that are recordings: tells what of them is used, where that is not all. */
const tellOf = (sources: readonly string[]): Recordings =>
  new Map(
    sources.filter(isRecording).map((path) => {
      const { notices, ends } = toldOf(path)
      for (const notice of notices) process.stderr.write(`redford lab: ${notice}\n`)
      return [path, ends] as const
    }),
  )

const isWhole = (recordings: Recordings): boolean => [...recordings.values()].every(({ damage }) => damage === null)

const refuse = (why: string, code: number): number => {
  process.stderr.write(`redford lab: ${why}\n`)
  return code
}

const planOf = (sources: readonly string[], values: Values): Plan => {
  expectStudy(values, sources)
  const slots = onceEach(
    '--slots',
    (values.slots ?? '2').split(',').map((text) => wholeIn('--slots', text, 2, 0)),
  )
  onceEach('what is to be run', sources)
  const overhead = overheadIn(values.overhead ?? '')
  const classes = classRules(values.class ?? [])
  const common: Omit<Settings, 'machine'> = {
    estimates: estimatesIn(values.estimates ?? '0.3'),
    load: moreThan0('--load', values.load, 0.8),
    jobs: wholeIn('--jobs', values.jobs, 200, 1),
    speed: moreThan0('--speed', values.speed, 1),
    clients: wholeIn('--clients', values.clients, 0, 0),
    ...(classes.length > 0 && { classes }),
    ...driveIn(values.drive),
    ...arrivalsIn(values.arrivals),
    ...(values.export !== undefined && { record: values.export }),
  }
  const specs = sources.flatMap((source) =>
    slots.map((count): Spec => ({ source, settings: { ...common, machine: { slots: count, ...overhead } } })),
  )
  if ((values.load ?? values.jobs) !== undefined && specs.every(isOneJob))
    expectNone(values, ['load', 'jobs'], `${sources.join(', ')}: ${sources.length > 1 ? 'each' : 'it'} is one job`)
  const seeds =
    values.seed === undefined
      ? Array.from({ length: wholeIn('--seeds', values.seeds, 10, 1) }, (_, i) => i + 1)
      : [wholeIn('--seed', values.seed, 1, 0)]
  const policies = onceEach('--policy', values.policy ?? DEFAULT_POLICIES)
  if (values.export !== undefined && specs.length * policies.length * seeds.length !== 1)
    throw new LabError('--export takes one run: say one trace, one --slots, one --policy, and --seed')
  expectFree(outputsIn(values), [
    ...sources.flatMap(filesOf),
    ...policies.filter(isPolicyFile),
    ...(values.arrivals === undefined ? [] : [values.arrivals]),
  ])
  return { specs, policies, seeds }
}

const outputsIn = ({ csv, json, html, export: record }: Values): ReadonlyMap<string, string> =>
  new Map(
    Object.entries({ '--csv': csv, '--json': json, '--html': html, '--export': record }).flatMap(([option, path]) =>
      path === undefined ? [] : [[option, path] as const],
    ),
  )

const OVERHEADS = { turn: 'perTurn', tick: 'perTick', build: 'perBuild', commit: 'commit' } as const

const overheadIn = (text: string): Omit<Settings['machine'], 'slots'> => {
  const parts = text.split(',').filter((part) => part !== '')
  const isBare = parts.length <= 2 && parts.every((part) => !part.includes('='))
  const pairs = isBare ? parts.map((part, i) => [i === 0 ? 'tick' : 'build', part] as const) : parts.map(pairOf)
  return Object.fromEntries(
    pairs.map(([name, value]) => {
      if (!Object.hasOwn(OVERHEADS, name) || value === undefined)
        throw new LabError(`--overhead takes µs, as in turn=100,tick=50,build=2,commit=500 or 50,2, not '${text}'`)
      return [OVERHEADS[name as keyof typeof OVERHEADS], numberIn('--overhead', value, 0)]
    }),
  )
}

const pairOf = (text: string): readonly [string, string | undefined] => {
  const [name = '', value] = text.split('=')
  return [name, value]
}

const estimatesIn = (text: string): Settings['estimates'] =>
  text === 'exact' || text === 'none' || text === 'rules'
    ? { _tag: text }
    : { _tag: 'error', sigma: numberIn('--estimates', text, 0) }

const driveIn = (text: string | undefined): Pick<Settings, 'drive'> => {
  if (text === undefined) return {}
  return { drive: text === 'fixpoint' || text === 'batch' ? text : { ms: numberIn('--drive', text, 5) } }
}

const arrivalsIn = (text: string | undefined): Pick<Settings, 'arrivals'> => {
  if (text === undefined) return {}
  return { arrivals: text === 'chance' || text === 'recorded' ? text : { file: text } }
}

/** Draws how far it is, on a terminal. */
const progress = ({ specs, policies, seeds }: Plan): ((cell: Cell) => void) => {
  const all = specs.length * policies.length * seeds.length
  const began = performance.now()
  let done = 0
  return ({ scenario, policy, seed }) => {
    done++
    const seconds = (performance.now() - began) / 1000
    const left = Math.round((seconds / done) * (all - done))
    drawProgress(`${done} of ${all} runs, ${left} s left  ${scenario}, ${policy}, seed ${seed}`)
  }
}

const report = async (cells: readonly Cell[], values: Values, recordings: Recordings): Promise<number> => {
  const summaries = summariesOf(cells)
  process.stdout.write(tableOf(summaries))
  const write = (path: string | undefined, text: () => string): void => {
    if (path === undefined) return
    try {
      writeFileSync(path, text())
    } catch (error) {
      throw new LabError(`${path} cannot be written: ${(error as Error).message}`)
    }
  }
  write(values.csv, () => csvOf(cells))
  write(values.json, () => {
    const data = {
      summaries,
      recordings: Object.fromEntries(recordings),
      cells: cells.map(({ gantt: _, occupancy: __, ...cell }) => cell),
    }
    return `${JSON.stringify(data, null, 1)}\n`
  })
  if (values.html !== undefined) {
    const page = await htmlOf(cells, summaries, 'Batching policies')
    write(values.html, () => page)
  }
  return cells.some(({ breach }) => breach !== undefined) ? 1 : 0
}
