/** Writes a recording of its own, made of what another one holds: from a tick of that on, of what is to be in it. */
import { Engine } from '../engine.js'
import { canonical } from '../model/codec.js'
import { resultIn } from '../model/content.js'
import type { BuildId } from '../model/ids.js'
import type { State } from '../model/state.js'
import { placeFault } from '../store/recording/format.js'
import type { RecordingReader } from '../store/recording/reader.js'
import type { TickRecord } from '../store/recording/record.js'
import { Recorder } from '../store/recording/recorder.js'
import type { RecordedValue } from '../store/recording/value.js'
import { NO_MAKE, takeNames, Walker } from './walker.js'

export class Rewriter {
  private readonly engine: Engine
  private readonly recorder: Recorder
  private readonly names: Map<BuildId, string>
  private now = 0
  /** Texts that are to be kept beside the log. */
  private readonly besides = new Map<string, string>()

  /** Begins with the state after `tick` of `source`; replaces what is at `path`. @throws an error of SQLite's */
  constructor(
    private readonly source: RecordingReader,
    tick: number,
    path: string,
  ) {
    const walker = new Walker(source)
    walker.seek(tick)
    this.names = new Map(walker.named)
    const { format: _, ...about } = source.about
    this.recorder = new Recorder(
      {
        path,
        about,
        settings: source.settingsAt(tick),
        nameOf: (build) => this.names.get(build),
        textOf: (_build, value) => this.valueOf(value as RecordedValue),
        valueMax: Number.POSITIVE_INFINITY,
        beside: false,
        now: () => this.now,
        onTrouble: (error) => {
          throw error
        },
      },
      walker.state,
    )
    this.keepBesides()
    this.engine = new Engine({
      make: NO_MAKE,
      state: walker.state,
      drive: 'manual',
      onTurn: () => {},
      onTick: (input, _before, after) => this.recorder.onTick(input, after),
    })
  }

  get state(): State {
    return this.engine.state
  }

  /** One more tick. @throws whatever the reducer throws: then the recording ends with the tick before */
  apply(record: TickRecord, elapsed = 0): void {
    const { input, settings } = record
    takeNames(this.names, record)
    for (const setting of settings) this.recorder.set(setting)
    this.now += elapsed
    this.engine.apply(input)
    this.keepBesides()
  }

  /** A tick that is left out: what it says of names may be needed later. */
  learn(record: TickRecord): void {
    takeNames(this.names, record)
  }

  close(): void {
    this.recorder.close()
  }

  private keepBesides(): void {
    for (const [digest, text] of this.besides) this.recorder.keepBeside(digest, text)
    this.besides.clear()
  }

  private valueOf(value: RecordedValue): RecordedValue {
    if (value._tag === 'inContent') return { _tag: 'text', text: canonical(resultIn(value.content)) }
    if (value._tag === 'beside') {
      const text = this.source.beside(value.digest)
      if (text === undefined) return { _tag: 'left' }
      this.besides.set(value.digest, text)
    }
    return value
  }
}

/** A copy of `reader`, up to tick `end`. @throws Error where `path` is something else, or cannot be written */
export const copyInto = (path: string, reader: RecordingReader, end: number = reader.ticks): void => {
  const fault = placeFault(path, reader.path)
  if (fault !== undefined) throw new Error(fault)
  const rewriter = new Rewriter(reader, 0, path)
  try {
    for (let tick = 1; tick <= end; tick++) {
      const record = reader.at(tick)
      rewriter.apply(record, record.elapsed)
    }
  } finally {
    rewriter.close()
  }
}
