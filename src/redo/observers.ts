/** Who follows what the engine does for a session, if the person wants that: its trace, its recording. */
import type { Input } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import type { State } from '../model/state.js'
import type { About } from '../store/recording/format.js'
import { fromByteString, variableOf } from './byte-strings.js'
import { Recordings } from './recordings.js'
import type { Session } from './sessions.js'
import { Tracer } from './trace.js'

export interface ObserverOptions {
  /** Of a build that has one. */
  readonly nameOf: (build: BuildId) => string
  readonly isNamed: (build: BuildId) => boolean
  /** What the project's config says: its rules, and into which file every session is recorded. */
  readonly rules: About['rules']
  readonly record: string | undefined
  /** What is wrong with the config, if anything. */
  readonly fault: string | undefined
}

export class Observers {
  readonly tracer: Tracer
  private readonly recordings: Recordings
  private readonly record: string | undefined
  private readonly fault: string | undefined

  constructor({ nameOf, isNamed, rules, record, fault }: ObserverOptions) {
    this.tracer = new Tracer(nameOf)
    this.recordings = new Recordings((build) => (isNamed(build) ? nameOf(build) : undefined), rules)
    this.record = record
    this.fault = fault
  }

  /** Begins what `session` asks for, from `state` on, where that policy chooses; gives a sentence where that cannot be done. */
  begin(session: Session, state: State, policy: string): string | undefined {
    const { id, client, options } = session
    const trace = options.trace ?? variableOf(client.environment, 'REDFORD_TRACE')
    const record = options.record ?? variableOf(client.environment, 'REDFORD_RECORD')
    const inFolder = (path: string): string => (path.startsWith('/') ? path : `${client.hello.cwd}/${path}`)
    const warn = (text: string): void => session.console.warn(text)
    // Without it, what is built by do-files is the same.
    if (this.fault !== undefined) warn(`${this.fault}: nothing that it says is done`)
    if (trace !== '') {
      try {
        this.tracer.open(id, inFolder(trace))
      } catch (error) {
        return `the trace cannot be written: ${(error as Error).message}`
      }
    }
    if (record !== '') {
      const why = this.recordings.begin(id, fromByteString(inFolder(record)), state, policy, warn)
      if (why !== undefined) this.end(id)
      return why
    }
    if (this.record !== undefined) {
      // Nobody asked for it just now: that is no reason not to build.
      const why = this.recordings.begin(id, this.record, state, policy, warn, true)
      if (why !== undefined) warn(`redford.config: record: ${why}`)
    }
    return undefined
  }

  onTick(input: Input, before: State, after: State): void {
    this.tracer.onTick(input, before, after)
    this.recordings.onTick(input, after)
  }

  end(session: BuildId): void {
    this.tracer.close(session)
    this.recordings.end(session)
  }

  endAll(): void {
    this.recordings.endAll()
  }
}
