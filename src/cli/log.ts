/** `redford log [FILE]`: what happened, a line a tick; or with `--builds`, a line a build. */
import { existsSync, readlinkSync, realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { fromByteString, workingFolderBytes } from '../redo/byte-strings.js'
import { findRoot } from '../redo/project.js'
import { LAST_RECORDING } from '../redo/recordings.js'
import { errorWords } from '../redo/words.js'
import { type Happening, happeningsOf } from '../replay/happenings.js'
import type { Replay } from '../replay/replay.js'
import { shownName } from '../replay/view.js'
import { Walker } from '../replay/walker.js'
import {
  endsLine,
  faultWords,
  happeningData,
  OK,
  type Out,
  shownBuild,
  textOfName,
  timeWords,
  USAGE,
  withRecording,
  wordsOf,
} from './recording.js'
import { happeningWords } from './tick-words.js'

export const logCommand = async (args: readonly string[], out: Out): Promise<number> => {
  const words = wordsOf('log', args, [0, 1], { builds: { type: 'boolean' } })
  if (E.isLeft(words)) {
    out.say(words.left)
    return USAGE
  }
  const file = words.right.files[0] ?? lastRecording()
  if (file === undefined) {
    out.say('nothing was recorded in this project yet: redo --record FILE does it (see redford help)')
    return USAGE
  }
  const { json, values } = words.right
  return withRecording(file, out, async (replay) => {
    // How far it is shows by what it prints, to a pager maybe, which has the screen.
    replay.reader.onRead = undefined
    if (json) out.print(endsLine(replay))
    else if (replay.ticks === 0) out.say(`${file}: nothing happened in it: it has no ticks`)
    await (values.builds === true ? builds : ticks)(replay, json, out)
    return OK
  })
}

/** The recording of this project that was begun last; it may be gone. */
export const lastRecording = (): string | undefined => {
  const link = `${fromByteString(findRoot(workingFolderBytes()))}/${LAST_RECORDING}`
  try {
    const path = resolve(dirname(link), readlinkSync(link))
    return existsSync(path) ? realpathSync(path) : path
  } catch {
    return undefined
  }
}

/** So much is told before whoever reads has taken it: what they do not want is not worked out. */
const TICKS_AHEAD = 256

/** Every tick in turn, with what happened in it and when, in microseconds; up to where nobody reads on. */
const eachTick = async (
  replay: Replay,
  out: Out,
  visit: (tick: number, at: number, what: readonly Happening[], walker: Walker) => void,
): Promise<void> => {
  const walker = new Walker(replay.reader)
  let at = 0
  for (let tick = walker.step(); tick !== undefined; tick = walker.step()) {
    at += tick.elapsed
    visit(tick.tick, at, happeningsOf(tick, walker), walker)
    if (tick.tick % TICKS_AHEAD === 0 && (await out.taken?.()) === false) return
  }
}

const ticks = (replay: Replay, json: boolean, out: Out): Promise<void> => {
  const width = String(replay.ticks).length
  return eachTick(replay, out, (tick, at, what, walker) => {
    if (json) return out.print(`${JSON.stringify({ tick, microseconds: at, happened: what.map(happeningData) })}\n`)
    const called = (x: Parameters<typeof walker.nameOf>[0]): string => shownBuild(shownName(walker.nameOf, x))
    const words = what.flatMap((one) => happeningWords(one, called) ?? [])
    out.print(`${String(tick).padStart(width)}  ${timeWords(at)}  ${words.join('; ')}`.trimEnd())
    out.print('\n')
  })
}

interface Run {
  readonly name: string
  readonly begun: number
  readonly ended: number
  readonly how: string
  readonly error?: unknown
}

/** One line for each run that came to an end, in the order of the ends. */
const builds = (replay: Replay, json: boolean, out: Out): Promise<void> => {
  const begun = new Map<string, number>()
  return eachTick(replay, out, (_, at, what, walker) => {
    for (const one of what) {
      if (one.what === 'started' || one.what === 'needs') {
        // A do-file that is found waits for a slot before it runs; a rule that needs something has run up to there.
        const isDoFile = one.what === 'started' && one.target[0] !== '\0'
        if (isDoFile || !begun.has(one.target)) begun.set(one.target, at)
      } else if (one.what === 'made' || one.what === 'broken') {
        const called = (x: Parameters<typeof walker.nameOf>[0]): string => shownBuild(shownName(walker.nameOf, x))
        const how =
          one.what === 'made'
            ? one.changed
              ? 'changed'
              : 'same'
            : one.cause === undefined
              ? (json ? errorWords : faultWords)(one.error, called)
              : `since ${shownBuild(one.cause)} is broken`
        const run: Run = { name: one.target, begun: begun.get(one.target) ?? at, ended: at, how }
        begun.delete(one.target)
        const took = run.ended - run.begun
        if (json)
          out.print(
            `${JSON.stringify({ name: textOfName(run.name), begun: run.begun, microseconds: took, result: how })}\n`,
          )
        else out.print(`${timeWords(run.begun)}  ${timeWords(took)}  ${shownBuild(run.name)}: ${how}\n`)
      }
    }
  })
}
