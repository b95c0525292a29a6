/** `redford step FILE`: a recording, tick by tick. By hand in a terminal; else it reads commands, one a line. */
import { createInterface } from 'node:readline'
import * as E from 'fp-ts/lib/Either.js'
import type { BuildId } from '../model/ids.js'
import { isKnown } from '../model/state.js'
import { toByteString } from '../redo/byte-strings.js'
import { Generations } from '../replay/generations.js'
import { happeningsOf } from '../replay/happenings.js'
import type { Replay } from '../replay/replay.js'
import { Stepper } from '../replay/stepper.js'
import { shownName, statusNameOf, statusNames, viewOf } from '../replay/view.js'
import {
  buildsData,
  counted,
  endsLine,
  happeningData,
  isCalled,
  likeWords,
  NOT_OK,
  OK,
  type Out,
  shownBuild,
  textOfName,
  timeWords,
  USAGE,
  withRecording,
  wordsOf,
} from './recording.js'
import { buildDiffWords, calledIn, viewWords } from './state-words.js'
import { happeningWords } from './tick-words.js'

const HELP = `f [N]  forward, by N ticks (also an empty line, and the right arrow)
b [N]  back (also the left arrow)
g N    to tick N; g end
w TARGET STATUS   to the first tick from here on where the target is that: ${statusNames.join(', ')}
s TARGET          shows the target
i      what is under way
d      what this tick changed
h, q   this text; the end
`

/** Commands of one word. */
const ALONE: readonly string[] = ['i', 'd', 'h', 'q']

export const stepCommand = async (args: readonly string[], out: Out): Promise<number> => {
  const words = wordsOf('step', args, [1, 1])
  if (E.isLeft(words)) {
    out.say(words.left)
    return USAGE
  }
  return withRecording(words.right.files[0]!, out, (replay) => new Session(replay, out, words.right.json).run())
}

class Session {
  private readonly stepper: Stepper
  private hasFailed = false
  private readonly generations: Generations

  constructor(
    private readonly replay: Replay,
    private readonly out: Out,
    private readonly json: boolean,
  ) {
    this.stepper = new Stepper(replay.reader)
    this.generations = new Generations(replay.reader, replay.ticks)
  }

  run(): Promise<number> {
    const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true
    const lines = createInterface({
      input: process.stdin,
      ...(isTerminal ? { output: process.stdout, prompt: '> ' } : {}),
      terminal: isTerminal,
    })
    if (isTerminal && !this.json) this.out.print(`${counted(this.replay.ticks, 'tick')}; h tells the commands\n`)
    if (this.json) this.out.print(endsLine(this.replay))
    this.show()
    return new Promise((resolve) => {
      const arrow = (_: unknown, key: { readonly name?: string } | undefined): void => {
        if (lines.line !== '' || (key?.name !== 'right' && key?.name !== 'left')) return
        this.out.print('\n')
        this.obey(key.name === 'right' ? 'f' : 'b')
        lines.prompt()
      }
      if (isTerminal) {
        process.stdin.on('keypress', arrow)
        lines.prompt()
      }
      let isOver = false
      lines.on('line', (line) => {
        // More lines may have been read by then.
        isOver ||= line.trim() === 'q'
        if (isOver) return lines.close()
        this.obey(line)
        if (isTerminal) lines.prompt()
      })
      lines.on('close', () => {
        process.stdin.off('keypress', arrow)
        // Ended by Ctrl-C or Ctrl-D, behind the prompt.
        if (isTerminal && !isOver) this.out.print('\n')
        // Whoever wrote the commands beforehand wants to know whether all were understood.
        resolve(this.hasFailed && !isTerminal ? NOT_OK : OK)
      })
    })
  }

  private fail(why: string): void {
    this.hasFailed = true
    this.out.say(why)
  }

  private obey(line: string): void {
    const [, word, rest] = /^\s*(\S*)\s*(.*?)\s*$/s.exec(line) as unknown as readonly [string, string, string]
    const { stepper } = this
    if (rest !== '' && ALONE.includes(word)) return this.fail(`${word} takes nothing after it, and '${rest}' is there`)
    const count = rest === '' ? 1 : /^\d+$/.test(rest) ? Number(rest) : undefined
    switch (word) {
      case '':
      case 'f':
      case 'b': {
        if (count === undefined) return this.fail(`'${rest}' is no number of ticks`)
        const to = word === 'b' ? stepper.tick - count : stepper.tick + count
        if (to > stepper.ticks) this.out.say('that is the end')
        if (to < 0) this.out.say('that is the beginning')
        stepper.go(Math.max(0, Math.min(to, stepper.ticks)))
        return this.show()
      }
      case 'g': {
        const to = rest === 'end' ? stepper.ticks : count
        if (rest === '') return this.fail(`g N: say which tick, of 0 to ${stepper.ticks}, or end`)
        if (to === undefined || to > stepper.ticks)
          return this.fail(`'${rest}' is no tick: there are 0 to ${stepper.ticks}`)
        stepper.go(to)
        return this.show()
      }
      case 'w': {
        // The name as it is, with all its spaces.
        const [, target = '', status = rest] = /^(.*?)\s+(\S+)$/s.exec(rest) ?? []
        if (target !== '') return this.when(target, status)
        if (rest === '')
          return this.fail(`w TARGET STATUS: say which target is to be what, of ${statusNames.join(', ')}`)
        if ((statusNames as readonly string[]).includes(rest))
          return this.fail(`w TARGET STATUS: say which target is to be '${rest}'`)
        return this.fail(`w TARGET STATUS: say what '${rest}' is to be, of ${statusNames.join(', ')}`)
      }
      case 's':
        return rest === '' ? this.fail('s TARGET: say which') : this.target(rest)
      case 'i':
        return this.underWay()
      case 'd':
        return this.changes()
      case 'h':
        return this.out.print(this.json ? `${JSON.stringify({ commands: HELP.trim().split('\n') })}\n` : HELP)
      default:
        return this.fail(`there is no command '${word}': h tells those there are`)
    }
  }

  private readonly called = (x: BuildId): string => shownBuild(shownName(this.stepper.nameOf, x))

  private show(): void {
    const { stepper } = this
    const what = stepper.last === undefined ? [] : happeningsOf(stepper.last, stepper.walker)
    if (this.json)
      return this.out.print(
        `${JSON.stringify({ tick: stepper.tick, of: stepper.ticks, microseconds: stepper.at, happened: what.map(happeningData) })}\n`,
      )
    const words = what.flatMap((one) => happeningWords(one, this.called) ?? [])
    this.out.print(`tick ${stepper.tick} of ${stepper.ticks}, ${timeWords(stepper.at)}\n`)
    for (const line of words) this.out.print(`  ${line}\n`)
  }

  /** What a person calls a target, as the recording calls it. */
  private find(target: string): string | undefined {
    const found = isCalled(toByteString(target)).reduce<string | undefined>(
      (known, isMeant) => known ?? this.stepper.nameLike(isMeant),
      undefined,
    )
    if (found === undefined)
      this.fail(`nothing is called '${target}' in this recording${likeWords(target, this.stepper.namesFromHere())}`)
    return found
  }

  private when(target: string, status: string): void {
    if (!(statusNames as readonly string[]).includes(status))
      return this.fail(`w TARGET STATUS: '${status}' is none of ${statusNames.join(', ')}`)
    const name = this.find(target)
    if (name === undefined) return
    const from = this.stepper.tick
    const found = this.stepper.forwardTo((state) => {
      const x = this.stepper.idOf(name)
      return x !== undefined && statusNameOf(state, x) === status && isKnown(state, x)
    })
    if (found) return this.show()
    this.stepper.go(from)
    this.fail(`${target} is not ${status} in any tick from ${from} on`)
  }

  private target(target: string): void {
    const name = this.find(target)
    if (name === undefined) return
    const { stepper } = this
    const x = stepper.idOf(name)
    if (x === undefined) return this.fail(`nothing is known of ${target} yet`)
    const view = viewOf(stepper.state, stepper.nameOf, x)
    if (this.json)
      return this.out.print(
        `${JSON.stringify({ ...view, name: textOfName(view.name), dependencies: view.dependencies.map(textOfName) })}\n`,
      )
    for (const line of viewWords(view, calledIn(stepper.walker, this.generations))) this.out.print(`${line}\n`)
  }

  private underWay(): void {
    const found = this.stepper.underWay()
    if (this.json)
      return this.out.print(
        `${JSON.stringify(found.map(({ name, status }) => ({ name: textOfName(name), status })))}\n`,
      )
    if (found.length === 0) this.out.print('  nothing is under way\n')
    for (const { name, status } of found) this.out.print(`  ${shownBuild(name)}: ${status}\n`)
  }

  private changes(): void {
    const { tick } = this.stepper
    const found = tick === 0 ? [] : this.replay.diff(tick - 1, tick)
    if (this.json) return this.out.print(`${JSON.stringify(buildsData(found))}\n`)
    if (found.length === 0) return this.out.print('  nothing changed\n')
    const called = calledIn(this.stepper.walker, this.generations)
    for (const line of found.flatMap((diff) => buildDiffWords(diff, called))) this.out.print(`  ${line}\n`)
  }
}
