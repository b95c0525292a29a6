/**
 * Builds of files under every kind of schedule: several clients come and go, a clock ticks, results are committed sooner or later, and faults are
 * choices: a process that is killed, a result that cannot be put in place, a file that is changed while it is built, a client that takes back what it
 * asked for, a daemon that ends without warning and is started again. Nothing of it takes real time.
 */
import type { Outcome } from '../finalize/finalize.js'
import { emptyBatch } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { checkInvariants } from '../model/invariants.js'
import { emptyState, type State } from '../model/state.js'
import { gather } from '../reduce/gather.js'
import { recorderInto } from '../replay/recorder-into.js'
import type { Recorder } from '../store/recording/recorder.js'
import { Disk } from './disk.js'
import { filesOf, oracle, REQUESTS, type World } from './files.js'
import { Play } from './files-play.js'
import { expectWorld } from './files-sense.js'
import { Kept } from './kept.js'
import { expectOptions, replayedBy } from './options.js'
import type { Choices } from './schedule.js'
import { LEAST, type Run, type Schedules, type SearchOptions, search, type Told } from './search.js'
import { meaningOf } from './shape.js'
import { numberOf } from './situation.js'
import { ensure, Unlawful } from './space.js'

export interface FileOptions extends SearchOptions {
  /** What is asked for: ids of targets. */
  readonly targets: readonly number[]
  /** How many clients ask for them: the first for all, each other one for one of them, at any moment. Default 2. */
  readonly clients?: number
  /** How many faults there are in a run, at most. Default 1. */
  readonly faults?: number
}

const STEPS_MAX = 5_000
/** What a file holds that somebody makes. */
const NEW = 5

interface Client {
  readonly targets: readonly number[]
  /** Of the daemon that there is now. */
  request: BuildId
  /** Leaving: an answer may be on its way. */
  state: 'open' | 'answered' | 'leaving' | 'gone'
}

/** Plays one schedule; then builds once more, without faults, when all must be right. @throws Unlawful, Bug */
export const playFiles = (world: World, options: FileOptions, choices: Choices): void =>
  new Course(world, options, choices).run()

class Course {
  private readonly world: World
  private readonly disk: Disk
  private readonly kept = new Kept(REQUESTS)
  private readonly clients: Client[] = []
  private readonly leaving: Client[] = []
  private play: Play
  private faultsLeft: number
  /** Something happened since all was at rest that may make an answer another than it should be. */
  private isDisturbed = false
  /** What is known and not committed. */
  private isUnkept = false
  /** Of the daemon that there is now. */
  private recorder: Recorder | undefined = undefined
  private keptShape: { readonly of: State; readonly shape: string } | undefined

  constructor(
    { rules, files }: World,
    private readonly options: FileOptions,
    private readonly choices: Choices,
    private readonly watch: Told & { readonly record?: string } = {},
  ) {
    this.disk = new Disk(files, (file) => rules.has(file))
    this.world = { rules, files: this.disk }
    this.faultsLeft = options.faults ?? 1
    this.play = this.daemon(REQUESTS)
  }

  private daemon(firstRequest: number, state = emptyState): Play {
    const { record } = this.watch
    const recorder = record === undefined ? undefined : recorderOf(record, state)
    this.recorder?.close()
    this.recorder = recorder
    const play = new Play(this.world, {
      firstRequest,
      state,
      // At the end of each turn, which is cheaper, and as good: what is wrong stays so.
      check: false,
      ...(recorder && { onTick: (input, _, after) => recorder.onTick(input, after) }),
      look: (build, known) => this.disk.look(build, known),
      intend: (build) => void this.kept.intents.add(build),
      onTurn: (after, outcome) => this.onTurn(after, outcome),
      onAnswer: (request, ok) => this.onAnswer(request, ok),
    })
    play.refusesWrite = () => {
      if (this.faultsLeft === 0 || this.choices.choose(4) !== 1) return false
      this.disturb()
      return true
    }
    return play
  }

  run(): void {
    try {
      this.comes()
      for (let steps = 0; this.step(); steps++) if (steps > STEPS_MAX) throw new Unlawful('the build does not end')
      this.clients.forEach(({ state }, i) => {
        ensure(state !== 'open', () => `client ${i} is not answered`)
      })
      this.watch.onEnd?.(this.situation())
      this.faultsLeft = 0
      this.isDisturbed = false
      this.ask([...this.options.targets])
      this.play.finish()
    } finally {
      this.recorder?.close()
    }
  }

  private step(): boolean {
    const { engine, pending } = this.play
    this.watch.onSituation?.(this.situation())
    if (!engine.isReady && pending.length === 0) {
      engine.endTurn()
      if (!engine.isReady && pending.length === 0) {
        this.isDisturbed = false
        return this.comes()
      }
    }
    const view = gather(engine.state)
    const all = Number.POSITIVE_INFINITY
    const ready = [
      ...view.scan(all).map((x) => ({ scan: [x] })),
      ...view.run(all).map((x) => ({ run: [x] })),
      ...view.start(view.freeSlots).map((x) => ({ start: [x] })),
      ...view.answer(view.freeSlots).map((x) => ({ answer: [x] })),
    ]
    const ways = [
      () => this.usual(),
      ...ready.map((batch) => () => {
        engine.tickOf({ ...emptyBatch, ...batch })
        engine.endTurn()
      }),
      ...pending.map((_, i) => () => void this.play.go(() => i)),
      () => this.disk.tick(),
      () => void this.comes(),
      ...(this.isUnkept ? [() => this.commit()] : []),
      ...(this.faultsLeft > 0 ? [() => this.fault()] : []),
    ]
    ways[this.choices.choose(ways.length)]!()
    return true
  }

  private usual(): void {
    this.play.engine.settleAll()
    if (!this.play.engine.isReady) this.play.go(() => 0)
  }

  /** All that the rest hangs on, as one text: of two moments it is the same where they go on alike. */
  private situation(): string {
    const { play, kept, clients } = this
    const nameOf = (x: number): number => (x < REQUESTS ? x : numberOf(this.nameOf(x)))
    const { committed } = kept
    if (this.keptShape?.of !== committed)
      this.keptShape = { of: committed, shape: meaningOf(committed, nameOf, [...kept.intents]) }
    const named = (key: string, value: unknown): unknown =>
      typeof value === 'number' && ['request', 'session', 'by'].includes(key) ? nameOf(value) : value
    const rest = JSON.stringify(
      [
        [...play.processes.values()].map(({ rule: _, ...process }) => process),
        play.pending.map(({ build, what }) => [build, what]),
        play.untold,
        clients.map(({ state }) => state),
        this.leaving.map((client) => clients.indexOf(client)),
        [this.faultsLeft, this.isDisturbed, this.isUnkept],
        this.keptShape.shape,
        [...kept.intents],
      ],
      named,
    )
    return meaningOf(play.engine.state, nameOf, [], rest + this.disk.text)
  }

  private nameOf(request: number): string {
    const client = this.clients.findIndex((one) => one.request === request)
    return client >= 0 ? `client ${client}` : (this.play.names.get(request) ?? '')
  }

  // ---------------------------------------------------------------------------------------------- clients

  /** The next client; false where there is none. */
  private comes(): boolean {
    const { targets, clients = 2 } = this.options
    const number = this.clients.length
    if (number >= clients) return false
    this.ask(number === 0 ? targets : [targets[number % targets.length]!])
    return true
  }

  private ask(targets: readonly number[]): void {
    this.clients.push({ targets, request: this.play.request(targets), state: 'open' })
  }

  private onAnswer(request: BuildId, ok: boolean): void {
    const at = this.clients.findIndex((client) => client.request === request)
    const client = this.clients[at]
    // A process's.
    if (client === undefined) return
    ensure(client.state !== 'gone', () => `client ${at} is answered though it took back what it asked for`)
    ensure(client.state !== 'answered', () => `client ${at} is answered twice`)
    if (client.state === 'open') client.state = 'answered'
    if (client.state === 'leaving' || this.isDisturbed) return
    const should = client.targets.map((target) => oracle(this.world, target))
    ensure(
      ok === !should.includes(undefined),
      () => `${client.targets} are ${ok ? 'built' : 'broken'}, and should not be`,
    )
    client.targets.forEach((target, i) => this.expectFile(target, should[i]))
  }

  private expectFile(target: number, should: number | undefined): void {
    if (should === undefined || this.world.rules.get(target)?.output === 'none') return
    const found = this.disk.get(target)
    ensure(found === should, () => `the file of ${target} holds ${found}, and should hold ${should}`)
  }

  // ---------------------------------------------------------------------------------------------- what is kept

  /** As a daemon does it: whoever is answered can rely on it, and what only processes are told is committed some time. */
  private onTurn(after: State, { responses }: Outcome): void {
    checkInvariants(after)
    for (const client of this.leaving.splice(0)) client.state = 'gone'
    for (const client of this.clients) if (client.state === 'leaving') this.leaving.push(client)
    const isIdle = this.play.processes.size === 0 && !this.clients.some(({ state }) => state === 'open')
    if (isIdle || responses.some(({ by }) => by === 0)) this.commit(after)
    else this.isUnkept = true
  }

  private commit(after: State = this.play.engine.state): void {
    this.kept.commit(after)
    this.isUnkept = false
  }

  // ---------------------------------------------------------------------------------------------- faults

  private disturb(): void {
    this.faultsLeft--
    this.isDisturbed = true
  }

  private fault(): void {
    const { play, disk } = this
    const running = [...play.processes.keys()].sort((a, b) => a - b)
    const sources = [...disk.keys()].filter((file) => !this.world.rules.has(file)).sort((a, b) => a - b)
    const open = this.clients.filter(({ state }) => state === 'open')
    // Of each kind as many as of the others, however many things it may befall.
    const kinds = [
      running.map((build) => () => {
        this.disturb()
        play.murder(build)
      }),
      [
        ...sources.flatMap((source) => [
          () => this.edit(source, disk.get(source)! + 1),
          // Of the same parity.
          () => this.edit(source, disk.get(source)! + 2),
          () => this.edit(source, undefined),
        ]),
        ...this.absent().map((file) => () => this.edit(file, NEW)),
      ],
      // Nobody else is to notice.
      open.map((client) => () => {
        this.faultsLeft--
        client.state = 'leaving'
        play.cancel(client.request)
      }),
      [() => this.crash()],
    ].filter((kind) => kind.length > 0)
    const faults = kinds[this.choices.choose(kinds.length, 'part')]!
    faults[this.choices.choose(faults.length, 'part')]!()
  }

  /** By somebody who asks for nothing; undefined: removed. */
  private edit(source: number, value: number | undefined): void {
    this.disturb()
    if (value === undefined) this.disk.delete(source)
    else this.disk.set(source, value)
    this.play.dispatch({ _tag: 'changed', builds: [buildId(source)] })
  }

  /** Files that rules ask for, or look at, and that are not there. */
  private absent(): readonly number[] {
    const { rules } = this.world
    const named = new Set([...rules.values()].flatMap(filesOf))
    return [...named].filter((file) => !rules.has(file) && !this.disk.has(file)).sort((a, b) => a - b)
  }

  /** The daemon is killed, with all that it runs. The next one is asked by whoever was not answered. */
  private crash(): void {
    this.disturb()
    this.play.engine.close()
    const adopted = [...this.kept.intents].filter((build) => this.disk.has(build)).map(buildId)
    this.play = this.daemon(this.play.nextRequest, this.kept.load())
    const { engine } = this.play
    this.play.dispatch(...adopted.map((build) => ({ _tag: 'adopted', build, look: this.disk.look(build) }) as const))
    engine.settleAll()
    // Nobody has asked it yet.
    this.commit()
    for (const client of this.clients) if (client.state === 'open') client.request = this.play.request(client.targets)
  }
}

/** Plays many schedules of one world. @throws ScheduleFailure, of the smallest schedule that was found to break a law */
export const forAllFileSchedules = async (world: World, options: FileOptions): Promise<Schedules> => {
  expectOptions('forAllFileSchedules', options, { ...LEAST, clients: 1, faults: 0 }, [
    'targets',
    'schedule',
    'recordings',
  ])
  expectWorld(world, options.targets)
  const run: Run = async (choices, watch) => {
    try {
      new Course(world, options, choices, watch).run()
      return undefined
    } catch (error) {
      return { error }
    }
  }
  const { targets, clients, faults } = options
  return search(
    run,
    options,
    (schedule) => `forAllFileSchedules(world, ${replayedBy({ targets, clients, faults, schedule })})`,
  )
}

const recorderOf = (path: string, state: State): Recorder =>
  recorderInto(path, state, {
    about: { program: 'redford/testing', face: 'redo', policy: 'fullBatch', rules: [], options: {} },
    nameOf: (x) => (x > 0 && x < REQUESTS ? String(x) : undefined),
    textOf: () => 'null',
    now: () => 0,
  })
