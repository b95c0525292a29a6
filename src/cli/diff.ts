/** `redford diff A B`: the first tick at which two recordings differ, and why; `redford diff FILE --from T --to U`: builds between two ticks. */
import * as E from 'fp-ts/lib/Either.js'
import type { BuildId } from '../model/ids.js'
import type { Otherwise } from '../replay/diff-deeds.js'
import { diffRecordings, type RecordingDiff } from '../replay/diff-recordings.js'
import { Generations } from '../replay/generations.js'
import { endsOf, type Replay } from '../replay/replay.js'
import { Walker } from '../replay/walker.js'
import type { About } from '../store/recording/format.js'
import { differenceData, differenceWords, otherwiseData, otherwiseWords, type Sides } from './difference-words.js'
import {
  buildsData,
  counted,
  NOT_OK,
  OK,
  type Out,
  shownBuild,
  textOfName,
  tickOf,
  USAGE,
  type Words,
  withRecording,
  wordsOf,
} from './recording.js'
import { buildDiffWords, calledIn } from './state-words.js'
import { unlikeData, unlikeWords } from './unlike-words.js'

const FLAGS = { from: { type: 'string' }, to: { type: 'string' } } as const

export const diffCommand = async (args: readonly string[], out: Out): Promise<number> => {
  const words = wordsOf('diff', args, [1, 2], FLAGS)
  if (E.isLeft(words)) {
    out.say(words.left)
    return USAGE
  }
  const { files, values } = words.right
  const [a, b] = files as [string, string | undefined]
  if (b === undefined) return withRecording(a, out, (replay) => ticks(replay, words.right, out))
  if (values.from !== undefined || values.to !== undefined) {
    out.say('--from and --to are ticks of one recording (see redford diff --help)')
    return USAGE
  }
  return withRecording(a, out, (one) =>
    withRecording(b, out, (other) => {
      const found = diffRecordings(one.reader, other.reader)
      const lines = linesOf(found, { a: one.about, b: other.about }, sidesOf(one, a, other, b))
      // Afterwards: a value that is missing is known once it is looked for.
      const recordings = { a: endsOf(one), b: endsOf(other) }
      if (words.right.json) out.print(`${JSON.stringify({ ...dataOf(found), recordings })}\n`)
      else for (const line of lines) out.print(`${line}\n`)
      return isOnlyTime(found) ? OK : NOT_OK
    }),
  )
}

const ticks = (replay: Replay, { values, json }: Words, out: Out): number => {
  const [from, to] = [values.from ?? '0', values.to ?? String(replay.ticks)].map((text) =>
    tickOf(String(text), replay.ticks),
  )
  for (const tick of [from!, to!])
    if (E.isLeft(tick)) {
      out.say(tick.left)
      return USAGE
    }
  const found = replay.diff((from as E.Right<number>).right, (to as E.Right<number>).right)
  if (json) out.print(`${JSON.stringify({ builds: buildsData(found), ...endsOf(replay) })}\n`)
  else if (found.length === 0) out.print('nothing changed\n')
  else {
    const [before, after] = [new Walker(replay.reader), new Walker(replay.reader)]
    before.seek((from as E.Right<number>).right)
    after.seek((to as E.Right<number>).right)
    const late = before.tick > after.tick ? before : after
    const called = calledIn(late, new Generations(replay.reader, late.tick), before, after)
    for (const line of found.flatMap((diff) => buildDiffWords(diff, called))) out.print(`${line}\n`)
  }
  return found.length === 0 ? OK : NOT_OK
}

/** Nothing differs in what came out: be it the same, or done in another order or at other times. */
const isOnlyTime = (found: RecordingDiff): boolean =>
  ['same', 'alike', 'order'].includes(found._tag) || (found._tag === 'measured' && found.more === 0)

const sidesOf = (one: Replay, a: string, other: Replay, b: string): Sides => ({
  a: { name: a, beside: (digest) => one.reader.beside(digest) },
  b: { name: b, beside: (digest) => other.reader.beside(digest) },
})

const dataOf = (found: RecordingDiff): object => {
  const { _tag, ...rest } = found
  if (found._tag === 'start') return { result: _tag, ...unlikeData(found), about: found.about }
  if (found._tag !== 'tick' && found._tag !== 'order') return { result: _tag, ...rest }
  return {
    result: _tag,
    ...rest,
    parts: found.parts.map(differenceData),
    names: Object.fromEntries(Array.from(found.names, ([id, name]) => [id, textOfName(name)])),
    ...(found._tag === 'order' && found.first !== undefined
      ? { first: { a: textOfName(found.first.a), b: textOfName(found.first.b) } }
      : {}),
    ...(found._tag === 'tick' && found.otherwise !== undefined ? { otherwise: otherwiseData(found.otherwise) } : {}),
  }
}

const linesOf = (found: RecordingDiff, abouts: Abouts, sides: Sides): readonly string[] => {
  const [a, b] = [sides.a.name, sides.b.name]
  const about = aboutWords(found, abouts, sides)
  switch (found._tag) {
    case 'same':
      return [`they are the same, in ${found.ticks === 1 ? '' : 'all '}${counted(found.ticks, 'tick')}`, ...about]
    case 'prefix': {
      const shorter = found.shorter === 'a' ? a : b
      return [
        `${shorter} ends after tick ${found.ticks}; up to there they are the same, and the other one goes on for ${found.more}`,
        ...about,
      ]
    }
    case 'measured':
      return [
        `they differ in nothing but what is measured, which is another each time: what stat says of files, and times (from tick ${found.tick} on)`,
        ...(found.more > 0
          ? [`one of them ends after tick ${found.ticks}, and the other one goes on for ${found.more}`]
          : []),
        ...about,
      ]
    case 'alike':
      return ['nothing differs: they asked for the same, knew the same, and came to the same', ...about]
    case 'start':
      return [...unlikeWords(found, a, b), ...about]
    case 'order':
      return [
        found.parts.length === 0
          ? `nothing differs but the numbers that builds have, from tick ${found.tick} on`
          : `nothing differs in what came out: the same was done ${orderWords(found, sides)}`,
        ...measuredWords(found.measured),
        ...about,
      ]
    case 'tick':
      return [...tickWords(found, sides), ...measuredWords(found.measured), ...about]
  }
}

interface Abouts {
  readonly a: About
  readonly b: About
}

/** What they say of themselves in other words, where a word or two tell it. */
const aboutWords = ({ about, jobs }: RecordingDiff, { a, b }: Abouts, sides: Sides): readonly string[] => {
  if (about.length === 0) return []
  const each = (of: string, one: string, other: string): string =>
    `${of} (${one} in ${sides.a.name}, ${other} in ${sides.b.name})`
  const words = about.map((of) => {
    if (of === 'jobs' && jobs !== undefined) return each('jobs', jobs.a.join(' and '), jobs.b.join(' and '))
    if (of === 'policy') return each(of, a.policy || 'unknown', b.policy || 'unknown')
    return of === 'program' || of === 'face' ? each(of, a[of], b[of]) : `${of} (see redford replay --json)`
  })
  return [`they say otherwise of themselves: ${words.join(', ')}`]
}

const tickWords = (found: Extract<RecordingDiff, { _tag: 'tick' }>, sides: Sides): readonly string[] => {
  const { tick, otherwise } = found
  const [cause, ...others] = partsWords(found, sides)
  const words = [`tick ${tick} is the first that differs: ${cause}`, ...others.map((other) => `  and ${other}`)]
  if (otherwise === undefined || isToldIn(found, otherwise)) return words
  const first = `the first that came out otherwise: ${otherwiseWords(otherwise, sides)}`
  const { tickInA = tick, tickInB = tick } = otherwise
  // What is outside, or what the policy chose, may be the cause of what comes out in the same tick; what was made by then is no more than order.
  const isLater = Math.min(tickInA, tickInB) > tick || found.parts[0]!.part === 'receipt'
  return isLater ? [first, ...words] : [...words, first]
}

/** What a source was set to in this tick is told already. */
const isToldIn = ({ tick, parts }: Parted, { names, a, b, tickInA, tickInB }: Otherwise): boolean => {
  const at = a?.what === 'set' ? tickInA : b?.what === 'set' ? tickInB : undefined
  return at === tick && parts.some((part) => part.part === 'setting' && part.name === names[0])
}

type Parted = Extract<RecordingDiff, { readonly parts: unknown }>

const partsWords = ({ parts, names }: Parted, sides: Sides): readonly string[] => {
  const called = (build: BuildId): string => shownBuild(names.get(build) ?? `#${build}`)
  return parts.map((part) => differenceWords(part, sides, called))
}

const orderWords = (found: Extract<RecordingDiff, { _tag: 'order' }>, sides: Sides): string => {
  if (found.first === undefined) return `at other times, from tick ${found.tick} on: ${partsWords(found, sides)[0]}`
  const [one, other] = [shownBuild(found.first.a), shownBuild(found.first.b)]
  return `in another order, from tick ${found.tick} on: ${one} before ${other} in ${sides.a.name}, ${other} before ${one} in ${sides.b.name}`
}

const measuredWords = (tick: number | undefined): readonly string[] =>
  tick === undefined
    ? []
    : [`what stat says of files, and times, are others from tick ${tick} on, as they are each time`]
