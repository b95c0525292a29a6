/**
 * Intents since the last commit: lines that are appended to a file beside the store, for an append costs a tenth of a commit, and each
 * target that is put in place needs one of its own. A commit takes over what is not settled by it, and says up to which line it did.
 */
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import type { Intent } from './terms.js'

const sumOf = (text: string): number => crc32(Buffer.from(text, 'latin1'))

export class IntentLog {
  /** All that an earlier process left: of one target there may be several, of which any may be in place. */
  readonly found: readonly Intent[]
  private readonly path: string
  private readonly intents = new Map<string, Intent>()
  private fd: number | undefined = undefined
  private size = 0
  private last: number

  /** `end`: the last line that a commit took over. A line that is not whole, or not what was written, is none. */
  constructor(path: string, end: number) {
    this.path = path
    this.last = end
    const found: Intent[] = []
    for (const line of this.lines()) {
      const [, sum, text, count, ino, size, name] = /^(\d+) ((\d+) (\d+) (\d+) (.+))$/s.exec(line) ?? []
      if (text === undefined || sumOf(text) !== Number(sum) || Number(count) <= end) continue
      found.push({ name: name!, ino: ino!, size: Number(size) })
      this.last = Math.max(this.last, Number(count))
    }
    this.found = found
    for (const intent of found) this.intents.set(intent.name, intent)
  }

  /** The number of the last line. */
  get end(): number {
    return this.last
  }

  get isEmpty(): boolean {
    return this.intents.size === 0
  }

  /** One a name, the last: a state that is committed now knows what became of the others. */
  get all(): readonly Intent[] {
    return [...this.intents.values()]
  }

  /** @throws an error of the system: then none of them is there. */
  add(intents: readonly Intent[]): void {
    let lines = ''
    let count = this.last
    for (const { name, ino, size } of intents) {
      const text = `${++count} ${ino} ${size} ${name}`
      lines += `${sumOf(text)} ${text}\n`
    }
    this.write(Buffer.from(lines, 'latin1'))
    this.last = count
    for (const intent of intents) this.intents.set(intent.name, intent)
  }

  /** A commit took over what is to be kept. Should the file stay as it is, that is told by the commit. */
  clear(): void {
    this.intents.clear()
    if (this.size === 0) return
    try {
      ftruncateSync(this.fd!)
      this.size = 0
    } catch {
      // The next one comes behind what is there.
    }
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd)
    this.fd = undefined
  }

  private write(bytes: Buffer): void {
    this.fd ??= openSync(this.path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600)
    try {
      // The line before may have been cut short.
      const written = writeSync(this.fd, Buffer.concat([NEWLINE, bytes]))
      if (written <= bytes.length) throw Object.assign(new Error('no space left on the device'), { code: 'ENOSPC' })
      this.size += written
    } catch (error) {
      ftruncateSync(this.fd, this.size)
      throw error
    }
  }

  private lines(): readonly string[] {
    try {
      const text = readFileSync(this.path, 'latin1')
      this.size = text.length
      if (this.size > 0) this.fd = openSync(this.path, constants.O_WRONLY | constants.O_APPEND)
      return text.split('\n')
    } catch {
      return []
    }
  }
}

const NEWLINE = Buffer.from('\n')
