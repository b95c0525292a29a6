/** `redford why` and `why-not` of a recording: `--recording FILE`, `--at TICK`. Without, the project's own state is asked. */

import * as E from 'fp-ts/lib/Either.js'
import type { BuildId } from '../model/ids.js'
import { argumentBytes, toByteString } from '../redo/byte-strings.js'
import { printable, targetWord } from '../redo/words.js'
import { Generations } from '../replay/generations.js'
import { endsOf } from '../replay/replay.js'
import { shortened } from '../replay/short.js'
import { settingOf } from '../replay/version-of.js'
import { shownName } from '../replay/view.js'
import { Walker } from '../replay/walker.js'
import { type Link, type Why, why } from '../replay/why.js'
import type { Cause, FaultError } from '../replay/why-facts.js'
import { type Step, type WhyNot, whyNot } from '../replay/why-not.js'
import { whyNotText, whyText } from '../replay/why-words.js'
import { lastRecording } from './log.js'
import {
  faultWords,
  isCalled,
  likeWords,
  NOT_OK,
  OK,
  type Out,
  shownBuild,
  textOfName,
  tickOf,
  USAGE,
  withRecording,
  wordsOf,
} from './recording.js'

const FLAGS = { recording: { type: 'string' }, at: { type: 'string' } } as const

const versionWords = (to: ReturnType<typeof settingOf>): string | undefined => {
  if (to === undefined) return undefined
  switch (to._tag) {
    case 'value':
      return `set it to ${shortened(to.text)}`
    // Of what is read it says that it is set no more, whether or not it was.
    case 'touched':
    case 'unset':
      return 'touched it'
    case 'removed':
      return 'removed it'
  }
}

export const whyCommand = async (question: 'why' | 'why-not', args: readonly string[], out: Out): Promise<number> => {
  const words = wordsOf(question, args, [1, 1], FLAGS)
  if (E.isLeft(words)) {
    out.say(words.left)
    return USAGE
  }
  const { files, values, json } = words.right
  // Of names that are no UTF-8, several would be the same text.
  const bytes = argumentBytes(args)[args.indexOf(files[0]!)]!
  const target = printable(bytes)
  const file = (values.recording as string | undefined) ?? lastRecording()
  if (file === undefined) {
    out.say('--at is a tick of a recording, and none was made in this project: name one by --recording FILE')
    return USAGE
  }
  return withRecording(file, out, (replay) => {
    const tick = tickOf(String(values.at ?? replay.ticks), replay.ticks)
    if (E.isLeft(tick)) {
      out.say(tick.left)
      return USAGE
    }
    const walker = new Walker(replay.reader)
    walker.seek(tick.right)
    const { state } = walker
    const idOf = (): BuildId | undefined => {
      for (const isMeant of isCalled(bytes))
        for (const name of walker.named.values()) if (isMeant(name)) return walker.find(name)
      return undefined
    }
    const id = idOf()
    const generations = new Generations(replay.reader, walker.tick, id)
    /** Those that are named. */
    const spoken = new Set<number>()
    const called = (x: BuildId): string => shownBuild(shownName(walker.nameOf, x))
    const names = {
      nameOf: called,
      idOf,
      word: targetWord(bytes),
      errorWords: (error: FaultError<string>): string =>
        error._tag === 'cycle'
          ? `it needs itself: ${[...error.path, error.path[0]].join(' -> ')}`
          : faultWords(error as never, called),
      setting: (build: string, version: number): string | undefined => {
        for (const [x, name] of walker.named)
          if (called(x) === build) return versionWords(settingOf(replay.reader, name, x, version, walker.tick))
        return undefined
      },
      generation: (generation: number, newest?: number): string => {
        spoken.add(generation)
        if (newest !== undefined) spoken.add(newest)
        return generations.words(generation, walker.tick, newest)
      },
      version: (version: number): string => generations.versionWords(version),
    }
    const asked = { generation: generations.lastUpTo(state.generation, walker.tick) }
    const told = question === 'why' ? whyText(state, names, target, asked) : whyNotText(state, names, target, asked)
    if (!told.isKnown) {
      out.say(
        `nothing is known of ${target.trim() === '' ? `'${target}'` : target} in ${file} by then: redford log ${targetWord(toByteString(file))} tells of what there is${likeWords(target, walker.named.values())}`,
      )
      return NOT_OK
    }
    const ask = <B>(as: (x: BuildId) => B): Why<B> | WhyNot<B> =>
      question === 'why' ? why(state, id!, as, asked.generation) : whyNot(state, id!, as, asked)
    const byId = ask((x) => x)
    const data = (): object => {
      const found = ask((x) => textOfName(shownName(walker.nameOf, x)))
      if ('steps' in found && 'steps' in byId)
        return { ...found, steps: found.steps.map((step, i) => withSetting(step, byId.steps[i]!.build)) }
      if (!('chain' in found) || !('chain' in byId)) return found
      return {
        ...found,
        chain: found.chain.map((link, i) => withSetting(link, byId.chain[i]!.build)),
        ...(found.pending && { pending: causeWithSetting(found.pending, byId.build) }),
      }
    }
    const withSetting = (of: Link<string> | Step<string>, x: BuildId): unknown =>
      'cause' in of && of.cause !== undefined ? { ...of, cause: causeWithSetting(of.cause, x) } : of
    /** What the version that is named set the source to, as far as the recording says. */
    const causeWithSetting = (cause: Cause<string>, x: BuildId): unknown =>
      cause._tag === 'set'
        ? { ...cause, to: settingOf(replay.reader, walker.nameOf(x)!, x, cause.version, walker.tick) }
        : cause
    const isOver = 'chain' in byId && byId.result !== 'pending'
    const end = isOver ? generations.lastEnd : undefined
    if (json) {
      const begun = Object.fromEntries(Array.from(spoken, (one) => [one, generations.find(one, walker.tick) ?? null]))
      out.print(`${JSON.stringify({ ...data(), begun, ended: end ?? null, ...endsOf(replay) })}\n`)
    } else {
      out.print(told.text)
      if (end !== undefined) out.print(`  its run ended in tick ${end}: redford step goes there by g ${end}\n`)
    }
    return OK
  })
}
