/**
 * Exhaustive search: every schedule of a script on the real reducer, with equal states taken for one, breadth first, so that what is found first
 * is the shortest. Where there are too many states it goes on by chance, as in "A Randomized Scheduler with Probabilistic Guarantees of
 * Finding Bugs" (S. Burckhardt, P. Kothari, M. Musuvathi, S. Nagarakatte, 2010).
 */
import { isKey } from '../make/shape.js'
import { Bug } from '../model/error.js'
import { Misuse } from '../model/misuse.js'
import { shown } from '../model/shown.js'
import { LawfulSpace } from './lawful.js'
import { expectFunctions, expectOneOf, expectOptions, replayedBy, thrownInWords } from './options.js'
import { Missing } from './outside.js'
import type { EngineFactory } from './pump.js'
import { numbers, type Schedule, scheduleOf, textOfSchedule } from './schedule.js'
import { shrunk } from './shrink.js'
import { CHOICES, type Choice, FAULTS, type Node, type Script, type SpaceOptions, Unlawful } from './space.js'

export interface ExploreOptions extends SpaceOptions {
  /** How many states are looked at, before it goes on by chance. Default 100,000. */
  readonly bound?: number
  /** A schedule that takes more steps than this is taken for one without end. Default 10,000. */
  readonly stepsMax?: number
  /** Beyond the bound: so many schedules, each of which finds a bug of that depth (so many steps in the wrong order) by a known chance. */
  readonly beyond?: { readonly schedules?: number; readonly depth?: number; readonly seed?: number }
  /** This one only, as a counterexample named it. */
  readonly schedule?: string
}

export interface Explored {
  readonly states: number
  /** Ticks: ways from one of them to another. */
  readonly steps: number
  /** How many different schedules lead through these states from beginning to end. */
  readonly schedules: number
  /** Ends: nothing is left to be done. */
  readonly ends: number
  /** False: there are more states than the bound. */
  readonly isComplete: boolean
  /** Of the schedules, so many were picked by chance. */
  readonly sampled: number
}

/** The shortest schedule that breaks a law; beyond the bound, the smallest that was found. */
export class Counterexample extends Error {
  override readonly name = 'Counterexample'
  constructor(
    readonly schedule: string,
    /** What happens, in words. */
    readonly steps: readonly string[],
    readonly states: number,
    cause: unknown,
    { choices, faults, faultsMax, oracle, stepsMax }: Pick<ExploreOptions, 'stepsMax'> & SpaceOptions = {},
  ) {
    super(
      [
        `${thrownInWords(cause)}: after`,
        ...inLines(steps),
        `again: explore(engineFactory, script, ${replayedBy({ choices, faults, faultsMax, oracle, stepsMax, schedule })})`,
      ].join('\n'),
      { cause },
    )
  }
}

/** Of very many steps, the first and the last. */
const inLines = (steps: readonly string[]): readonly string[] => {
  const lines = steps.map((step, i) => `  ${i + 1}. ${step}`)
  return lines.length <= 2 * SHOWN ? lines : [...lines.slice(0, SHOWN), '  ...', ...lines.slice(-SHOWN)]
}
const SHOWN = 30

const BOUND = 100_000
const STEPS_MAX = 10_000

const expectSense = (engineFactory: EngineFactory, script: Script, options: ExploreOptions): void => {
  expectFunctions('explore', { engineFactory })
  const { choices = 'subsets', faults = [], beyond = {} } = options
  const others = ['beyond', 'schedule', 'choices', 'faults', 'oracle']
  expectOptions('explore', options, { bound: 1, stepsMax: 1, faultsMax: 0, patience: 1 }, others)
  expectOptions('explore: beyond', beyond, { schedules: 0, depth: 1, seed: Number.NEGATIVE_INFINITY })
  expectOneOf('explore', 'choices', choices, CHOICES)
  if (!Array.isArray(faults))
    throw new Misuse(`explore: \`faults\` must be a list, such as ['fail'], got ${shown(faults)}`)
  for (const fault of faults) expectOneOf('explore', 'faults', fault, FAULTS)
  if (!Array.isArray(script)) throw new Misuse('explore: the script must be a list of steps, such as { once: key }')
  script.forEach((step, i) => {
    const where = `explore: step ${i} of the script`
    if (typeof step !== 'object' || step === null)
      throw new Misuse(`${where} must be a step, such as { once: key }, got ${shown(step)}`)
    const [what, ...more] = Object.keys(step)
    if (more.length > 0) throw new Misuse(`explore: step ${i} of the script is two things: ${what} and ${more}`)
    expectOneOf('explore', `step ${i} of the script`, what, STEPS)
    const value: unknown = step[what as keyof typeof step]
    if ((what === 'once' || what === 'live') && !isKey(value))
      throw new Misuse(`${where}: \`${what}\` must be a key, such as total('a'), got ${shown(value)}`)
    if (what === 'wipe' && value !== true) throw new Misuse(`${where}: \`wipe\` must be true, got ${shown(value)}`)
    if (what === 'transact') expectFunctions('explore', { [`step ${i} of the script`]: value })
    if (what === 'sweep')
      expectOptions('explore', { [`step ${i} of the script`]: value }, { [`step ${i} of the script`]: 0 })
    if (!('cancel' in step)) return
    const asked = script[step.cancel]
    if (step.cancel >= i || asked === undefined || !('once' in asked || 'live' in asked))
      throw new Misuse(
        `explore: step ${i} of the script takes back step ${step.cancel}, which asked for nothing before`,
      )
  })
}
const STEPS = ['once', 'live', 'cancel', 'transact', 'sweep', 'wipe']

/** Goes through all that can happen. @throws Counterexample */
export const explore = async (
  engineFactory: EngineFactory,
  script: Script,
  options: ExploreOptions = {},
): Promise<Explored> => {
  expectSense(engineFactory, script, options)
  const search = new Search(new LawfulSpace(engineFactory, script, options), options)
  if (options.schedule !== undefined) return search.follow(scheduleOf(options.schedule))
  await search.breadthFirst()
  const counted = search.counted()
  if (search.isComplete) return { ...counted, isComplete: true, sampled: 0 }
  const { schedules = 1000, depth = 3, seed = 1 } = options.beyond ?? {}
  try {
    // Every other one takes builds one at a time: that its chance is known is said of those.
    for (let i = 0; i < schedules; i++) await search.walk(depth, seed + i, i % 2 === 1)
  } catch (error) {
    throw error instanceof Counterexample ? await search.smallest(error) : error
  }
  return { ...counted, schedules, isComplete: false, sampled: schedules }
}

/** More than one thing at a time, though each of them could be done alone. */
const isBatch = (choice: Choice): boolean => 'tick' in choice && choice.tick.length + choice.settle.length > 1

class Search {
  /** Undefined once its children are known. */
  private readonly nodes: (Node | undefined)[] = []
  private readonly byKey = new Map<string, number>()
  private readonly children: (readonly number[])[] = []
  private readonly parents: number[] = []
  /** Which choice led there from its parent. */
  private readonly via: number[] = []
  private longest = 50
  private steps = 0
  private readonly bound: number
  private readonly stepsMax: number
  isComplete = true

  constructor(
    private readonly space: LawfulSpace,
    private readonly options: ExploreOptions,
  ) {
    this.bound = options.bound ?? BOUND
    this.stepsMax = options.stepsMax ?? STEPS_MAX
  }

  async breadthFirst(): Promise<void> {
    await this.add(this.space.first, -1, 0, () => [])
    for (let at = 0; at < this.nodes.length; at++) {
      if (this.nodes.length > this.bound) {
        this.isComplete = false
        return
      }
      const node = this.nodes[at]!
      const children: number[] = []
      const choices = this.space.choicesAt(node)
      for (let i = 0; i < choices.length; i++) {
        const path = (): Schedule => [...this.pathTo(at), i]
        const after = this.after(node, choices[i]!, path)
        const child = this.add(after instanceof Promise ? await after : after, at, i, path)
        children.push(typeof child === 'number' ? child : await child)
      }
      this.children[at] = children
      this.nodes[at] = undefined
    }
  }

  private add(node: Node, parent: number, via: number, path: () => Schedule): number | Promise<number> {
    this.steps++
    const key = this.space.keyOf(node)
    const known = this.byKey.get(key)
    if (known !== undefined) return known
    try {
      this.space.check(node)
    } catch (error) {
      return this.counterexample(path(), error)
    }
    const at = this.nodes.length
    this.byKey.set(key, at)
    this.nodes.push(node)
    this.parents.push(parent)
    this.via.push(via)
    return at
  }

  private pathTo(at: number): readonly number[] {
    const path: number[] = []
    for (let node = at; this.parents[node]! >= 0; node = this.parents[node]!) path.push(this.via[node]!)
    return path.reverse()
  }

  /** Awaits only where a read or action is not known yet. */
  private after(node: Node, choice: Choice, path: () => Schedule): Node | Promise<Node> {
    try {
      return this.space.after(node, choice)
    } catch (error) {
      if (error instanceof Missing) return error.known.then(() => this.after(node, choice, path))
      if (error instanceof Unlawful || error instanceof Bug) return this.counterexample(path(), error)
      throw error
    }
  }

  private checked(node: Node, path: Schedule): Node | Promise<Node> {
    try {
      this.space.check(node)
      return node
    } catch (error) {
      return this.counterexample(path, error)
    }
  }

  /** Goes that way once more, for the words. */
  private async counterexample(path: Schedule, cause: unknown): Promise<never> {
    const steps: string[] = []
    let node = this.space.first
    for (const [i, index] of path.entries()) {
      const choice = this.space.choicesAt(node)[index]!
      steps.push(this.space.say(choice))
      if (i < path.length - 1) node = await this.after(node, choice, () => path)
    }
    throw new Counterexample(textOfSchedule(path), steps, this.nodes.length, cause, this.options)
  }

  /** One schedule; past its end, the first choice there is. `isFree`: a number that is no choice stands for one that is. */
  async follow(schedule: Schedule, isFree = false): Promise<Explored> {
    let node = this.space.first
    const path: number[] = []
    for (let i = 0; ; i++) {
      const choices = this.space.choicesAt(node)
      if (choices.length === 0 || (i >= schedule.length && this.space.isOver(node))) break
      let index = schedule[i] ?? 0
      if (isFree) index %= choices.length
      if (index >= choices.length)
        throw new Misuse(`explore: the schedule is of another script: it has no choice ${index} at step ${i + 1}`)
      path.push(index)
      node = await this.next(node, choices[index]!, path)
    }
    return { states: path.length + 1, steps: path.length, schedules: 1, ends: 1, isComplete: false, sampled: 0 }
  }

  /** The node after the last choice of `path`. */
  private async next(node: Node, choice: Choice, path: Schedule): Promise<Node> {
    if (path.length > this.stepsMax)
      await this.counterexample(
        path,
        new Unlawful(`${this.stepsMax} steps, and it is not over: does it ask on and on?`),
      )
    return this.checked(await this.after(node, choice, () => path), path)
  }

  /** Of what was found by chance. */
  async smallest(found: Counterexample): Promise<Counterexample> {
    let best = found
    const fails = async (schedule: Schedule): Promise<boolean> => {
      const smaller = await this.follow(schedule, true).catch((error: unknown) => error)
      if (!(smaller instanceof Counterexample)) return false
      if (smaller.steps.length <= best.steps.length) best = smaller
      return true
    }
    if (found.steps.length <= this.stepsMax) await shrunk(scheduleOf(found.schedule), fails)
    return best
  }

  /**
   * Every build, end and the script has a priority; whatever can go on and has the highest does, but for `depth - 1` places, where that is
   * put last from then on.
   */
  async walk(depth: number, seed: number, isSingle: boolean): Promise<void> {
    const next = numbers(seed)
    const priorities = new Map<string, number>()
    const changes = new Set(Array.from({ length: depth - 1 }, () => next() % this.longest))
    const canSplit = (this.options.choices ?? 'subsets') === 'subsets'
    let node = this.space.first
    const path: number[] = []
    for (let low = -1; ; low--) {
      const choices = this.space.choicesAt(node)
      if (choices.length === 0) break
      let best = 0
      let highest = Number.NEGATIVE_INFINITY
      choices.forEach((choice, i) => {
        if (isSingle && canSplit && isBatch(choice)) return
        const name = this.space.say(choice)
        let priority = priorities.get(name)
        if (priority === undefined) {
          priority = next()
          priorities.set(name, priority)
        }
        if (priority > highest) {
          highest = priority
          best = i
        }
      })
      if (changes.has(path.length)) priorities.set(this.space.say(choices[best]!), low)
      path.push(best)
      node = await this.next(node, choices[best]!, path)
    }
    this.longest = Math.max(this.longest, path.length)
  }

  /** Of the states that were gone through. */
  counted(): Pick<Explored, 'states' | 'steps' | 'schedules' | 'ends'> {
    const ways = new Float64Array(this.nodes.length)
    const state = new Uint8Array(this.nodes.length)
    let ends = 0
    const stack = [0]
    while (stack.length > 0) {
      const at = stack[stack.length - 1]!
      const children = this.children[at] ?? []
      if (state[at] === 0) {
        state[at] = 1
        for (const child of children) if (state[child] === 0) stack.push(child)
        continue
      }
      stack.pop()
      if (state[at] === 2) continue
      state[at] = 2
      if (children.length === 0) {
        ends++
        ways[at] = 1
      } else for (const child of children) ways[at]! += ways[child]!
    }
    return { states: this.nodes.length, steps: this.steps, schedules: ways[0] ?? 0, ends }
  }
}
