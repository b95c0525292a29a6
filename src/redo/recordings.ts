/** Recordings of what people ask for: each goes on for as long as a session it is for is open. Nothing is worked out while there are none. */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Input } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import type { State } from '../model/state.js'
import { type About, mayReplace } from '../store/recording/format.js'
import { Recorder } from '../store/recording/recorder.js'
import { packageVersion } from './native.js'

/** In the state folder: a link to the recording that was begun last. */
export const LAST_RECORDING = '.redford/recording'

interface Open {
  readonly recorder: Recorder
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
   * Records into `path`, from `state` on, until `session` is closed. Sessions that record into one file at once share it. Gives a sentence where
   * it cannot be done.
   */
  begin(
    session: BuildId,
    path: string,
    state: State,
    policy: string,
    warn: (text: string) => void,
  ): string | undefined {
    const full = resolve(path)
    const known = this.open.get(full)
    if (known !== undefined) {
      known.sessions.set(session, warn)
      return undefined
    }
    try {
      if (!mayReplace(full)) return `${path} is there and is no recording: name another file`
      const sessions = new Map([[session, warn]])
      this.open.set(full, { recorder: this.recorderFor(full, state, policy, sessions), sessions })
    } catch (error) {
      return `the recording cannot be written: ${(error as Error).message}`
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
    for (const [path, { recorder, sessions }] of this.open) {
      if (!sessions.has(session)) continue
      // Its last trouble is told, too: the session is taken out afterwards.
      if (sessions.size === 1) {
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

const linkLast = (path: string): void => {
  try {
    mkdirSync('.redford', { recursive: true, mode: 0o700 })
    rmSync(LAST_RECORDING, { force: true })
    symlinkSync(path, LAST_RECORDING)
  } catch {
    // Who reads it names the file, then.
  }
}
