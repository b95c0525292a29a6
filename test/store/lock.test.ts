import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/lib/Either.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { acquireLock } from '../../src/store/lock.js'

const dist = join(dirname(fileURLToPath(import.meta.url)), '../../dist/store/lock.js')

let folder: string
let children: ChildProcess[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'))
  children = []
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

/** A process that tries to take the lock, says `mine` or why not, and then stays. */
const holder = async (path: string): Promise<{ child: ChildProcess; says: string }> => {
  const script = `
    const { acquireLock } = await import(${JSON.stringify(dist)})
    const lock = acquireLock(${JSON.stringify(path)})
    process.stdout.write(lock._tag === 'Right' ? 'mine' : lock.left._tag)
    setInterval(() => lock, 1e6)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const [said] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
  return { child, says: said.toString() }
}

const take = (path: string): string => {
  const lock = acquireLock(path)
  if (E.isLeft(lock)) return lock.left._tag
  lock.right.release()
  return 'mine'
}

describe('the lock', () => {
  it('is had by one at a time, also within one process, and can be given back', () => {
    const path = join(folder, 'lock.sqlite')
    const lock = acquireLock(path)
    expect(E.isRight(lock)).toBe(true)
    expect(take(path)).toBe('locked')
    if (E.isRight(lock)) lock.right.release()
    expect(take(path)).toBe('mine')
  })

  it('is won by one of many processes that start at once', async () => {
    const path = join(folder, 'lock.sqlite')
    const holders = await Promise.all(Array.from({ length: 5 }, () => holder(path)))
    expect(holders.map(({ says }) => says).sort()).toEqual(['locked', 'locked', 'locked', 'locked', 'mine'])
  })

  it('is free at once when its holder is killed', async () => {
    const path = join(folder, 'lock.sqlite')
    const { child, says } = await holder(path)
    expect(says).toBe('mine')
    expect(take(path)).toBe('locked')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(take(path)).toBe('mine')
  })

  it('works over a file that holds something else', () => {
    const path = join(folder, 'lock.sqlite')
    writeFileSync(path, 'not a database '.repeat(100))
    const lock = acquireLock(path)
    expect(E.isRight(lock)).toBe(true)
    expect(take(path)).toBe('locked')
  })

  it('says why when there can be no such file', () => {
    expect(acquireLock(join(folder, 'missing', 'lock.sqlite'))).toMatchObject({ _tag: 'Left', left: { _tag: 'io' } })
    if (process.getuid?.() === 0) return // root writes anywhere
    chmodSync(folder, 0o500)
    expect(acquireLock(join(folder, 'lock.sqlite'))).toMatchObject({ _tag: 'Left', left: { _tag: 'io' } })
    chmodSync(folder, 0o700)
  })
})
