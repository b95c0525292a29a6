/** Recordings of what people ask for: each goes on for as long as a session it is for is open. Nothing is worked out while there are none. */
import { mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import type { Input } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import type { State } from '../model/state.js'
import { rowsEnd } from '../model/table.js'
import { type About, placeFault, unwritableWords } from '../store/recording/format.js'
import { Recorder } from '../store/recording/recorder.js'
import { packageVersion } from './native.js'

/** In the state folder: a link to the recording that was begun last. */
export const LAST_RECORDING = '.redford/recording'

/** A recording that goes on without a session is begun anew once it has so many ticks. */
const TICKS_MAX = 20_000
/** Or once there are so many times the builds, and more, that it begins with: a snapshot costs no more than what was built since. */
const GROWTH = 2
const GROWTH_MIN = 1024

interface Open {
  readonly recorder: Recorder
  /** It goes on when it is for nobody, so that the next one need not begin with all that is known. */
  readonly goesOn: boolean
  readonly policy: string
  /** Of the state it begins with. */
  readonly rows: number
  readonly inode: number
  /** Those it is for, each with how its person is warned. */
  readonly sessions: Map<BuildId, (text: string) => void>
}

export class Recordings {
  /** By path. */
  private readonly open = new Map<string, Open>()
  private readonly nameOf: (build: BuildId) => string | undefined
  private readonly rules: About['rules']

  /** `nameOf`: undefined for a request. `rules`: those of the project's config. */
  constructor(nameOf: (build: BuildId) => string | undefined, rules: About['rules']) {
    this.nameOf = nameOf
    this.rules = rules
  }

  /**
   * Records into `path`, from `state` on, until `session` is closed. Sessions that record into one file at once share it; so do those that
   * come one after the other, where it `goesOn`, for a while. Gives a sentence where it cannot be done.
   */
  begin(
    session: BuildId,
    path: string,
    state: State,
    policy: string,
    warn: (text: string) => void,
    goesOn = false,
  ): string | undefined {
    const full = resolve(path)
    const known = this.open.get(full)
    if (known !== undefined) {
      if (isInPlace(known, full) && (known.sessions.size > 0 || (goesOn && isToGoOn(known, state, policy)))) {
        known.sessions.set(session, warn)
        known.recorder.goOn()
        linkLast(full)
        return undefined
      }
      known.recorder.close()
      this.open.delete(full)
    }
    try {
      const fault = placeFault(full)
      if (fault !== undefined) return fault
      // Where the file was removed, those that it was for go on in the new one.
      const sessions = new Map([...(known?.sessions ?? []), [session, warn] as const])
      const recorder = this.recorderFor(full, state, policy, sessions)
      const { ino } = statSync(full)
      this.open.set(full, { recorder, sessions, policy, goesOn, rows: rowsEnd(state.facts), inode: ino })
    } catch (error) {
      return unwritableWords(full, error)
    }
    linkLast(full)
    return undefined
  }

  private recorderFor(path: string, state: State, policy: string, sessions: Open['sessions']): Recorder {
    return new Recorder(
      {
        path,
        about: { program: packageVersion, face: 'redo', policy, rules: this.rules, options: {} },
        nameOf: this.nameOf,
        // What rules result in are files here.
        textOf: () => 'null',
        valueMax: 0,
        beside: false,
        now: () => performance.now() * 1000,
        onTrouble: (error) => {
          for (const warn of sessions.values()) warn(`${path}: nothing more is recorded: ${error.message}`)
        },
      },
      state,
    )
  }

  onTick(input: Input, after: State): void {
    for (const { recorder } of this.open.values()) recorder.onTick(input, after)
  }

  end(session: BuildId): void {
    for (const [path, { recorder, sessions, goesOn }] of this.open) {
      if (!sessions.has(session)) continue
      // Its last trouble is told, too: the session is taken out afterwards.
      if (sessions.size > 1) recorder.flush()
      else if (goesOn) recorder.settle()
      else {
        recorder.close()
        this.open.delete(path)
      }
      sessions.delete(session)
    }
  }

  endAll(): void {
    for (const { recorder } of this.open.values()) recorder.close()
    this.open.clear()
  }
}

/** It is neither long, nor of a small part of what is known by now, nor of another policy. */
const isToGoOn = (known: Open, state: State, policy: string): boolean =>
  known.goesOn &&
  known.policy === policy &&
  (known.recorder.length ?? TICKS_MAX) < TICKS_MAX &&
  rowsEnd(state.facts) <= GROWTH * known.rows + GROWTH_MIN

/** Nobody removed it, or put another one in its place. */
const isInPlace = (known: Open, path: string): boolean => {
  try {
    return statSync(path, { throwIfNoEntry: false })?.ino === known.inode
  } catch {
    return false
  }
}

const linkLast = (path: string): void => {
  try {
    mkdirSync('.redford', { recursive: true, mode: 0o700 })
    rmSync(LAST_RECORDING, { force: true })
    // A project may be moved, and what is in it goes along.
    const way = relative('.redford', path)
    symlinkSync(way.startsWith('../../') ? resolve(path) : way, LAST_RECORDING)
  } catch {
    // Who reads it names the file, then.
  }
}
