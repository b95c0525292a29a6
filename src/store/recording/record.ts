/** One tick as bytes, and back: the batch, the receipts, the events, what sources were set to, and names that were not known before. */
import type { Batch, Event, Input, Receipt } from '../../model/event.js'
import { type BuildId, buildId } from '../../model/ids.js'
import { ByteReader, ByteWriter, listOf } from './bytes.js'
import { eventCodec, receiptCodec } from './fields.js'
import type { RecordedSetting } from './format.js'
import { integerOf, type Name, NameReader, NameWriter, type NumberedNames, SeenIds } from './names.js'
import type { RecordedValue } from './value.js'

export interface TickRecord {
  readonly input: Input
  readonly settings: readonly RecordedSetting[]
  readonly names: readonly (readonly [BuildId, string])[]
}

/** A setting, to be written. */
export type NamedSetting = Omit<RecordedSetting, 'name'> & { readonly name: Name }

const BATCH = ['scan', 'run', 'start', 'answer'] as const
/** `integer`: a value that is one, of 32 bits. */
const SETTINGS = ['value', 'removed', 'unset', 'integer'] as const
const INTEGER = SETTINGS.indexOf('integer')

export interface TickEncoderOptions {
  readonly nameOf: (build: BuildId) => Name | undefined
  readonly numbered?: NumberedNames | undefined
  readonly recorded: (build: BuildId, value: unknown) => RecordedValue
}

export class TickEncoder {
  private readonly seen = new SeenIds()
  private readonly receipts = receiptCodec(this.seen)
  private readonly events = eventCodec(this.seen)
  private readonly names = new NameWriter()
  /** What was set since the last tick, written at once: thousands of settings, kept as objects, would outlive several collections of garbage. */
  private readonly settings = new ByteWriter()
  private settingCount = 0

  constructor(private readonly options: TickEncoderOptions) {}

  /** The name of `build` need not be told again. */
  know(build: BuildId): void {
    this.seen.know(build)
  }

  /** Whether its name was told. */
  knows(build: BuildId): boolean {
    return this.seen.has(build)
  }

  /** Its id may be given to another name. */
  forget(build: BuildId): void {
    this.seen.forget(build)
  }

  /** A source was set; told before the tick that takes it in. */
  set({ name, to }: NamedSetting): void {
    const { settings, names } = this
    const integer = to._tag === 'value' ? integerOf(to.text) : undefined
    this.settingCount++
    settings.byte(integer === undefined ? SETTINGS.indexOf(to._tag) : INTEGER)
    names.write(settings, name)
    if (integer !== undefined) settings.signed(integer)
    else if (to._tag === 'value') settings.text(to.text, 'utf8')
  }

  /** As `set`, where both are integers of 32 bits: of many settings, not one object need be made. */
  setInteger(prefix: string, number: number, value: number): void {
    const { settings } = this
    this.settingCount++
    settings.byte(INTEGER)
    this.names.writeInParts(settings, prefix, number)
    settings.signed(value)
  }

  write(w: ByteWriter, { batch, receipts, events }: Input): void {
    for (const part of BATCH) w.steps(batch[part], 0)
    w.byte('carry' in batch ? 1 : 0)
    if ('carry' in batch) w.text(JSON.stringify(batch.carry ?? null), 'utf8')
    this.receipts.begin()
    this.receipts.writeAll(w, receipts, this.options.recorded)
    this.events.begin()
    this.events.writeAll(w, events, this.options.recorded)
    w.count(this.settingCount)
    w.raw(this.settings.view())
    this.settings.clear()
    this.settingCount = 0
    this.writeNames(w)
    this.names.begin()
  }

  private writeNames(w: ByteWriter): void {
    const { seen, names } = this
    const { numbered } = this.options
    let last = 0
    const fresh = seen.takeFresh()
    for (let i = 0; i < fresh.length; i++) {
      if (numbered !== undefined) {
        const end = names.writeNumbered(w, fresh, i, last, numbered)
        if (end > i) last = fresh[end - 1]!
        if (end === fresh.length) break
        i = end
      }
      const id = buildId(fresh[i]!)
      const name = this.options.nameOf(id)
      if (name === undefined) {
        seen.forget(id)
        continue
      }
      w.signed(id - last)
      last = id
      names.write(w, name)
    }
    // No id differs by 0 from the one before.
    w.signed(0)
  }
}

/** What lies from `at` on. @throws Damage */
export const decodeTick = (bytes: Buffer, at = 0): TickRecord => {
  const r = new ByteReader(bytes, at)
  const builds: Batch = { scan: readIds(r), run: readIds(r), start: readIds(r), answer: readIds(r) }
  const batch: Batch = r.byte() === 0 ? builds : { ...builds, carry: JSON.parse(r.text('utf8')) }
  receiptsOf.begin()
  const receipts = listOf(r, readReceipt)
  eventsOf.begin()
  const events = listOf(r, readEvent)
  nameReader.begin()
  const settings = listOf(r, readSetting)
  const names = readNames(r)
  return { input: { batch, receipts, events }, settings, names }
}

/** To read with, one record after the other. */
const receiptsOf = receiptCodec()
const eventsOf = eventCodec()
const nameReader = new NameReader()
const readReceipt = (r: ByteReader): Receipt => receiptsOf.read(r)
const readEvent = (r: ByteReader): Event => eventsOf.read(r)

const readSetting = (r: ByteReader): RecordedSetting => {
  const _tag = SETTINGS[r.byte()]!
  const name = nameReader.read(r)
  if (_tag === 'integer') return { name, to: { _tag: 'value', text: String(r.signed()) } }
  return { name, to: _tag === 'value' ? { _tag, text: r.text('utf8') } : { _tag } }
}

const NO_NAMES: TickRecord['names'] = []
const readNames = (r: ByteReader): TickRecord['names'] => {
  let step = r.signed()
  if (step === 0) return NO_NAMES
  const names: (readonly [BuildId, string])[] = []
  for (let last = 0; step !== 0; step = r.signed()) {
    last += step
    names.push([buildId(last), nameReader.read(r)])
  }
  return names
}

const readIds = (r: ByteReader): readonly BuildId[] => {
  stepsTo = 0
  return listOf(r, readStep)
}
let stepsTo = 0
const readStep = (r: ByteReader): BuildId => {
  stepsTo += r.signed()
  return buildId(stepsTo)
}
