/** What a transaction changes. Checked as it is written, done as a whole or not at all. */

import { freezeDeep, staysOpen } from '../make/freeze.js'
import { type Keys, wordsOf } from '../make/keys.js'
import { laterOf } from '../make/rule.js'
import type { Setting } from '../make/world.js'
import type { Key, SourceKey } from '../model/definition.js'
import { expectFlat, unfitness } from '../model/json.js'
import { Misuse } from '../model/misuse.js'

export interface Change {
  readonly key: Key
  readonly setting: Setting | undefined
  /** Made or read again, whatever it was set to. */
  readonly isRead: boolean
}

export class Transaction {
  private readonly changes: Change[] = []
  private isOpen = true

  /** `freeze`: whether what it is told is frozen at once: changed later, it would no longer be what was checked. */
  constructor(
    private readonly keys: Keys,
    private readonly freeze: boolean,
  ) {}

  /** Gives a source a value. */
  set<V>(key: SourceKey<V>, value: NoInfer<V>): void {
    const own = this.begin('set', key)
    if (key.of.kind !== 'source')
      throw new Misuse(`set: ${wordsOf(key)} is made by a rule: set the sources that it needs`)
    if (value === undefined) throw new Misuse(`set: ${wordsOf(key)}: use remove to say that it is absent`)
    expectFit(key, value)
    if (this.freeze) freezeDeep(value)
    this.changes.push({ key: own, setting: { value }, isRead: false })
  }

  /** A source is read again, a rule or action made again, when it is next wanted. */
  touch(key: Key): void {
    this.changes.push({ key: this.begin('touch', key), setting: undefined, isRead: true })
  }

  /** A source has no value any more. */
  remove(key: SourceKey): void {
    const own = this.begin('remove', key)
    if (key.of.kind !== 'source')
      throw new Misuse(`remove: ${wordsOf(key)} is made by a rule: remove the sources that it needs`)
    this.changes.push({ key: own, setting: 'removed', isRead: false })
  }

  /** The engine's side: what `change` changes. It can change nothing later. */
  write(change: (tx: Transaction) => unknown): readonly Change[] {
    if (typeof change !== 'function')
      throw new Misuse('transact: expected a function, such as (tx) => tx.set(source(1), 2)')
    let result: unknown
    try {
      result = change(this)
    } finally {
      this.isOpen = false
    }
    if (laterOf(result) !== undefined)
      throw new Misuse('transact: its function returns a promise: wait for what it needs first, then transact')
    if (Object.prototype.toString.call(result) === '[object Generator]')
      throw new Misuse('transact: its function is a generator, of which nothing is run: write it without the star')
    // What cannot be frozen may have been changed since: said later, it would be after a part of all was done.
    for (const { key, setting } of this.changes)
      if (typeof setting === 'object' && !ArrayBuffer.isView(setting.value) && staysOpen(setting.value))
        expectFit(key, setting.value)
    return this.changes
  }

  private begin(what: string, key: Key): Key {
    if (!this.isOpen) throw new Misuse(`${what}: the transaction is over: begin another with transact`)
    return this.keys.ownFor(what, key)
  }
}

/** @throws Misuse */
const expectFit = (key: Key, value: unknown): void => {
  try {
    expectFlat(key.of.values.encode(value as never))
  } catch (error) {
    throw new Misuse(`set: ${wordsOf(key)}: ${unfitness(error)}`)
  }
}
