/** `redford diff A B`: the first tick at which two recordings differ, and why; `redford diff FILE --from T --to U`: builds between two ticks. */
import * as E from 'fp-ts/lib/Either.js'
import type { BuildId } from '../model/ids.js'
import { diffRecordings, type RecordingDiff } from '../replay/diff-recordings.js'
import { Walker } from '../replay/walker.js'
import {
  buildsData,
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
import { buildDiffWords, differenceWords } from './tick-words.js'
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
      if (words.right.json) out.print(`${JSON.stringify(dataOf(found))}\n`)
      else for (const line of linesOf(found, a, b)) out.print(`${line}\n`)
      return found._tag === 'same' || found._tag === 'alike' ? OK : NOT_OK
    }),
  )
}

const ticks = (
  replay: Parameters<Parameters<typeof withRecording>[2]>[0],
  { values, json }: Words,
  out: Out,
): number => {
  const [from, to] = [values.from ?? '0', values.to ?? String(replay.ticks)].map((text) =>
    tickOf(String(text), replay.ticks),
  )
  for (const tick of [from!, to!])
    if (E.isLeft(tick)) {
      out.say(tick.left)
      return USAGE
    }
  const found = replay.diff((from as E.Right<number>).right, (to as E.Right<number>).right)
  if (json) out.print(`${JSON.stringify(buildsData(found))}\n`)
  else {
    const walker = new Walker(replay.reader)
    walker.seek(Math.max((from as E.Right<number>).right, (to as E.Right<number>).right))
    for (const line of found.flatMap((diff) => buildDiffWords(diff, (x) => walker.numberOf(x)))) out.print(`${line}\n`)
  }
  return found.length === 0 ? OK : NOT_OK
}

const dataOf = (found: RecordingDiff): unknown => {
  const { _tag, ...rest } = found
  if (found._tag === 'start') return { result: _tag, ...unlikeData(found), about: found.about }
  if (found._tag !== 'tick') return { result: _tag, ...rest }
  return {
    result: _tag,
    ...rest,
    names: Object.fromEntries(Array.from(found.names, ([id, name]) => [id, textOfName(name)])),
  }
}

const linesOf = (found: RecordingDiff, a: string, b: string): readonly string[] => {
  const about =
    found.about.length === 0
      ? []
      : [`they say otherwise of themselves: ${found.about.join(', ')} (see redford replay --json)`]
  switch (found._tag) {
    case 'same':
      return [`they are the same, in all ${found.ticks} ticks`, ...about]
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
    case 'tick': {
      const called = (build: BuildId): string => shownBuild(found.names.get(build) ?? `#${build}`)
      const [cause, ...others] = found.parts.map((part) => differenceWords(part, a, b, called))
      return [
        `tick ${found.tick} is the first that differs: ${cause}`,
        ...others.map((words) => `  and ${words}`),
        ...(found.measured === undefined
          ? []
          : [`what stat says of files, and times, are others from tick ${found.measured} on, as they are each time`]),
        ...about,
      ]
    }
  }
}
