/**
 * Looking at all files while the state is still being loaded, for a command without daemon: the one takes as long as the other, and
 * is done by another process. Names and looks pass through files, since nobody has time to serve a pipe meanwhile. The names
 * stay in theirs, so that the next command begins to look before it has loaded them; it finds out then whether they are the same.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { BuildId } from '../model/ids.js'
import { wordsOf } from './forkserver-messages.js'
import { BULK_MIN } from './stat-all.js'

const NAMES = '.redford/names'
const LOOKS = '.redford/looks'

/** All that is known by name; by rising id. */
interface Named {
  all(): readonly BuildId[]
  packed(builds: readonly BuildId[]): Buffer
}

export class EarlyLook {
  private readonly program: string
  private builds: readonly BuildId[] = []
  /** Exit code of the program that looks; undefined: none does. */
  private code: Promise<unknown> | undefined = undefined

  /** Begins to look at what an earlier command left the names of. Nobody else may work on the project from now on. */
  constructor(program: string) {
    this.program = program
    this.begin()
  }

  /** These are the names in truth. If they are not those that are being looked at, it begins anew. */
  check(named: Named): void {
    const builds = named.all()
    if (builds.length < BULK_MIN) return
    this.builds = builds
    const names = named.packed(builds)
    try {
      if (this.code !== undefined && readFileSync(NAMES).equals(names)) return
      writeFileSync(NAMES, names, { mode: 0o600 })
      this.begin()
    } catch {
      this.code = undefined
    }
  }

  /** Waits for the end, and gives what there is to say of any of the builds; undefined when that cannot be had. */
  async end(): Promise<EarlyLooks | undefined> {
    try {
      return (await this.code) === 0 && this.builds.length > 0
        ? new EarlyLooks(this.builds, wordsOf(readFileSync(LOOKS)))
        : undefined
    } catch {
      return undefined
    } finally {
      rmSync(LOOKS, { force: true })
    }
  }

  private begin(): void {
    this.code = undefined
    const files: number[] = []
    try {
      files.push(openSync(NAMES, 'r'))
      // A new file: the one that an earlier attempt still writes to is not looked into any more.
      rmSync(LOOKS, { force: true })
      files.push(openSync(LOOKS, 'wx', 0o600))
      const child = spawn(this.program, ['--stat'], { stdio: [files[0], files[1], 'ignore'] })
      this.code = endOf(child)
    } catch {
      // It is done later, in the usual way.
    } finally {
      files.forEach(closeSync)
    }
  }
}

const endOf = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve) => {
    child.once('error', resolve)
    child.once('exit', resolve)
  })

export class EarlyLooks {
  private readonly builds: readonly BuildId[]
  private readonly words: Int32Array

  /** `words`: four for each of `builds`, which rise. */
  constructor(builds: readonly BuildId[], words: Int32Array) {
    this.builds = builds
    this.words = words
  }

  /** Four words for each of `builds`, by rising id, as `Spawner.stat` gives them; undefined unless all were looked at. */
  wordsOf(builds: readonly BuildId[]): Int32Array | undefined {
    const found = new Int32Array(builds.length * 4)
    let at = 0
    for (let i = 0; i < builds.length; i++) {
      while (at < this.builds.length && this.builds[at]! < builds[i]!) at++
      if (this.builds[at] !== builds[i] || at * 4 >= this.words.length) return undefined
      for (let word = 0; word < 4; word++) found[i * 4 + word] = this.words[at * 4 + word]!
    }
    return found
  }
}
