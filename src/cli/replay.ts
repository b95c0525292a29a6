/** `redford replay FILE`: what a recording holds, whether it comes to the same states again, and what would have been otherwise. */
import * as E from 'fp-ts/lib/Either.js'
import { isPolicyFile, loadPolicy } from '../lab/load-policy.js'
import { watched } from '../lab/watched.js'
import { apart } from '../model/event.js'
import { Misuse } from '../model/misuse.js'
import { endsOf, type Replay } from '../replay/replay.js'
import { isQuestion } from '../replay/walker.js'
import { drawTicks } from './progress.js'
import {
  counted,
  NOT_OK,
  OK,
  type Out,
  timeWords,
  USAGE,
  verdictWords,
  type Words,
  withRecording,
  wordsOf,
} from './recording.js'
import { reexecuteCommand } from './reexecute.js'

const FLAGS = {
  verify: { type: 'boolean' },
  mode: { type: 'string' },
  policy: { type: 'string' },
  jobs: { type: 'string', short: 'j' },
  rules: { type: 'string' },
} as const

export const replayCommand = async (args: readonly string[], out: Out): Promise<number> => {
  const words = wordsOf('replay', args, [1, 1], FLAGS)
  if (E.isLeft(words)) return refuse(out, words.left)
  const { mode = 'receipts', policy, jobs, rules } = words.right.values as Readonly<Record<string, string>>
  if (!['receipts', 'reexecute', 'counterfactual'].includes(mode))
    return refuse(out, `--mode is receipts, reexecute or counterfactual, not '${mode}'`)
  if (mode !== 'counterfactual' && (policy !== undefined || jobs !== undefined))
    return refuse(out, '--policy and --jobs say what would be otherwise: they need --mode counterfactual')
  if (mode !== 'reexecute' && rules !== undefined) return refuse(out, '--rules are those of --mode reexecute')
  return withRecording(words.right.files[0]!, out, (replay) => {
    if (mode === 'reexecute') return reexecuteCommand(replay, rules, words.right.json, out)
    return mode === 'counterfactual' ? otherwise(replay, words.right, out) : receipts(replay, words.right, out)
  })
}

const refuse = (out: Out, why: string): number => {
  out.say(why)
  return USAGE
}

/** Receipts alone: no command and nobody's code runs. */
const receipts = (replay: Replay, { values, json }: Words, out: Out): number => {
  const { about, ticks, damage } = replay
  let [elapsed, requests, questions, made, broken] = [0, 0, 0, 0, 0]
  for (let tick = 1; tick <= ticks; tick++) {
    const { input, elapsed: more } = replay.reader.at(tick)
    elapsed += more
    for (const { _tag } of apart(input.receipts)) {
      if (_tag === 'done' || _tag === 'made') made++
      else if (_tag === 'failed' || _tag === 'broken') broken++
    }
    for (const event of input.events) {
      if (isQuestion(event)) questions++
      else if (event._tag === 'followed' || (event._tag === 'requested' && event.by === 0)) requests++
    }
  }
  const verdict = values.verify === true ? replay.verify({ onProgress: (tick) => drawTicks(tick, ticks) }) : undefined
  const isWell = damage === undefined && (verdict === undefined || verdict._tag === 'agrees')
  if (json) {
    const data = { ...about, ticks, microseconds: elapsed, requests, questions, made, broken, ...endsOf(replay) }
    out.print(`${JSON.stringify(verdict === undefined ? data : { ...data, verdict })}\n`)
    return isWell ? OK : NOT_OK
  }
  out.print(
    `${counted(ticks, 'tick')} in ${timeWords(elapsed)}, by ${about.face} ${about.program}, policy ${about.policy || 'unknown'}\n` +
      `requests: ${requests}${questions === 0 ? '' : `; questions: ${questions}`}; made: ${made}; broken: ${broken}\n`,
  )
  if (verdict !== undefined) out.print(`${verdictWords(verdict)}\n`)
  return isWell ? OK : NOT_OK
}

const otherwise = async (replay: Replay, { values, json }: Words, out: Out): Promise<number> => {
  const breaches: string[] = []
  const onBreach = (breach: string): void => void breaches.push(breach)
  let policy: Awaited<ReturnType<typeof loadPolicy>> | undefined
  try {
    if (values.policy !== undefined) {
      const [one, other] = [await loadPolicy(String(values.policy)), await loadPolicy(String(values.policy), 1)]
      policy = watched(one, () => other, onBreach)
    }
  } catch (error) {
    return refuse(out, (error as Error).message)
  }
  const jobs = values.jobs === undefined ? undefined : Number(values.jobs)
  if (jobs !== undefined && !(Number.isInteger(jobs) && jobs >= 1))
    return refuse(out, `--jobs takes a number from 1 on, not '${values.jobs}'`)
  let found: ReturnType<typeof replay.counterfactual>
  try {
    found = replay.counterfactual({
      ...(policy === undefined ? {} : { policy, onBreach }),
      ...(jobs === undefined ? {} : { jobs }),
      onProgress: (tick) => drawTicks(tick, replay.ticks),
    })
  } catch (error) {
    if (error instanceof Misuse && policy === undefined) return refuse(out, `${error.message}, by --policy FILE`)
    if (values.policy === undefined || !isPolicyFile(String(values.policy))) throw error
    out.say([`under ${values.policy}: ${(error as Error).message}`, ...breaches].join('; '))
    return NOT_OK
  }
  if (breaches.length > 0) out.say(`the policy broke the rules: ${breaches[0]}${more(breaches.length - 1)}`)
  if (json) out.print(`${JSON.stringify({ ...found, ...endsOf(replay) })}\n`)
  else {
    out.print(
      `${timeWords(found.makespan)} in ${counted(found.ticks, 'tick')}; recorded: ${timeWords(found.recorded.makespan)} in ${found.recorded.ticks}\n`,
    )
    if (found.guessed > 0)
      out.print(
        `of ${found.runs} runs ${found.guessed} ${found.guessed === 1 ? 'is a guess: it was' : 'are a guess: they were'} not recorded so\n`,
      )
    if (found.otherAnswers > 0)
      out.print(
        `${found.otherAnswers} ${found.otherAnswers === 1 ? 'request is' : 'requests are'} answered otherwise\n`,
      )
  }
  return found.otherAnswers === 0 && breaches.length === 0 ? OK : NOT_OK
}

const more = (count: number): string => (count === 0 ? '' : ` (and ${count} more)`)
