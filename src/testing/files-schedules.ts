/**
 * Builds of files under every kind of schedule, with faults as choices: a process that is killed, a result that cannot be put in place, a file
 * that is changed while it is built. Nothing of it takes real time.
 */
import { emptyBatch } from '../model/event.js'
import { buildId } from '../model/ids.js'
import { gather } from '../reduce/gather.js'
import { oracle, type World } from './files.js'
import { Play } from './files-play.js'
import { Choices, numbers, type Schedule, scheduleOf, textOfSchedule } from './schedule.js'
import { shrunk } from './shrink.js'
import { Unlawful } from './space.js'

export interface FileOptions {
  /** What is asked for: ids of targets. */
  readonly targets: readonly number[]
  /** How many faults there are in a run, at most. Default 1. */
  readonly faults?: number
  readonly runs?: number
  readonly seed?: number
  /** This one only. */
  readonly schedule?: string
}

const STEPS_MAX = 5_000

/** Plays one schedule; then builds once more, without faults, when all must be right. @throws Unlawful, Bug */
export const playFiles = (world: World, { targets, faults = 1 }: FileOptions, { choose }: Choices): Play => {
  const own: World = { rules: world.rules, files: new Map(world.files) }
  const play = new Play(own)
  let left = faults
  play.refusesWrite = () => left > 0 && choose(4) === 1 && left-- > 0
  play.request(targets)
  for (let steps = 0; ; steps++) {
    if (steps > STEPS_MAX) throw new Unlawful('the build does not end')
    const { engine } = play
    const view = gather(engine.state)
    const all = Number.POSITIVE_INFINITY
    const ready = [
      ...view.scan(all).map((x) => ({ scan: [x] })),
      ...view.run(all).map((x) => ({ run: [x] })),
      ...view.start(view.freeSlots).map((x) => ({ start: [x] })),
      ...view.answer(view.freeSlots).map((x) => ({ answer: [x] })),
    ]
    if (!engine.isReady && play.pending.length === 0) {
      engine.endTurn()
      if (!engine.isReady && play.pending.length === 0) break
    }
    const at = choose(2 + ready.length + play.pending.length)
    if (at === 0) {
      engine.settleAll()
      if (!engine.isReady) play.go(() => 0)
    } else if (at <= ready.length) {
      engine.tickOf({ ...emptyBatch, ...ready[at - 1]! })
      engine.endTurn()
    } else if (at <= ready.length + play.pending.length) play.go(() => at - 1 - ready.length)
    else if (left > 0) {
      left--
      fault(play, own, choose)
    }
  }
  left = 0
  for (const target of targets) expectBuilt(play, own, target)
  return play
}

const fault = (play: Play, world: World, choose: (n: number) => number): void => {
  const running = [...play.processes.keys()].sort((a, b) => a - b)
  const sources = [...world.files.keys()].filter((file) => !world.rules.has(file)).sort((a, b) => a - b)
  const at = choose(running.length + sources.length)
  if (at < running.length) return play.murder(running[at]!)
  const source = sources[at - running.length]
  if (source === undefined) return
  world.files.set(source, world.files.get(source)! + 1)
  play.engine.dispatch({ _tag: 'changed', builds: [buildId(source)] })
}

const expectBuilt = (play: Play, world: World, target: number): void => {
  const ok = play.build([target])
  const should = oracle(world, target)
  if (ok !== (should !== undefined)) throw new Unlawful(`${target} is ${ok ? 'built' : 'broken'}, and should not be`)
  const rule = world.rules.get(target)
  if (should === undefined || rule?.output === 'none') return
  const found = world.files.get(target)
  if (found !== should) throw new Unlawful(`the file of ${target} holds ${found}, and should hold ${should}`)
}

/** Plays many schedules of one world. Returns how many. @throws Error with the smallest schedule that was found to break a law */
export const forAllFileSchedules = async (world: World, options: FileOptions): Promise<number> => {
  const { runs = 1000, seed = 1, schedule } = options
  const failing = (choices: Choices): unknown => {
    try {
      playFiles(world, options, choices)
      return undefined
    } catch (error) {
      return error
    }
  }
  const tell = (smallest: Schedule): Error => {
    const cause = failing(Choices.of(smallest))
    const text = textOfSchedule(smallest)
    return new Error(`${text}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
  if (schedule !== undefined) {
    if (failing(Choices.of(scheduleOf(schedule))) !== undefined) throw tell(scheduleOf(schedule))
    return 1
  }
  const next = numbers(seed)
  for (let run = 0; run < runs; run++) {
    const choices = run === 0 ? Choices.of([]) : Choices.random(next())
    if (failing(choices) === undefined) continue
    throw tell(await shrunk(choices.taken, (smaller) => failing(Choices.of(smaller)) !== undefined))
  }
  return runs
}
