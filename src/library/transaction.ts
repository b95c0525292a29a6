/** What a transaction changes. Checked as it is written, done as a whole or not at all. */

import { wordsOf } from '../make/keys.js'
import type { Setting } from '../make/world.js'
import { CodecError } from '../model/codec.js'
import type { Key, SourceKey } from '../model/definition.js'
import { Misuse } from './misuse.js'

export interface Change {
  readonly key: Key
  readonly setting: Setting | undefined
  /** Made or read again, whatever it was set to. */
  readonly isRead: boolean
}

export class Transaction {
  private readonly changes: Change[] = []
  private isOpen = true

  constructor(private readonly check: (what: string, key: unknown) => void) {}

  /** Gives a source a value. */
  set<V>(key: SourceKey<V>, value: NoInfer<V>): void {
    this.write('set', key)
    if (key.of.kind !== 'source') throw new Misuse(`set: ${wordsOf(key)} is made by a rule: only sources can be set`)
    if (value === undefined) throw new Misuse(`set: ${wordsOf(key)}: use remove to say that it is absent`)
    try {
      key.of.values.encode(value)
    } catch (error) {
      if (error instanceof CodecError) throw new Misuse(`set: ${wordsOf(key)}: ${error.message}`)
      throw error
    }
    this.changes.push({ key, setting: { value }, isRead: false })
  }

  /** A source is read again, a rule or action made again, when it is next wanted. */
  touch(key: Key): void {
    this.write('touch', key)
    this.changes.push({ key, setting: undefined, isRead: true })
  }

  /** A source has no value any more. */
  remove(key: SourceKey): void {
    this.write('remove', key)
    if (key.of.kind !== 'source')
      throw new Misuse(`remove: ${wordsOf(key)} is made by a rule: only sources can be removed`)
    this.changes.push({ key, setting: 'removed', isRead: false })
  }

  /** The engine's side: no more changes. */
  close(): readonly Change[] {
    this.isOpen = false
    return this.changes
  }

  private write(what: string, key: unknown): void {
    if (!this.isOpen) throw new Misuse(`${what}: the transaction is over`)
    this.check(what, key)
  }
}
