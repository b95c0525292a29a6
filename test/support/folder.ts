/** Folders and waiting for tests: each test has a folder of its own, and waits for a fact, not for a time. */
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'

/** A new empty folder for each test of the file, removed afterwards. Its path is real: no link on the way. */
export const useFolder = (): { readonly path: string; at(name: string): string } => {
  const folder = {
    path: '',
    at: (name: string): string => join(folder.path, name),
  }
  beforeEach(() => {
    folder.path = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'redford-test-')))
  })
  afterEach(() => fs.rmSync(folder.path, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** What the tests of the file, or what they test, leave in the folder for temporary files goes with them. */
export const keepTemporaryFilesHere = (): void => {
  const { TMPDIR } = process.env
  let folder = ''
  beforeAll(() => {
    folder = fs.mkdtempSync(join(tmpdir(), 'redford-test-'))
    process.env.TMPDIR = folder
  })
  afterAll(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
}

/** Resolves when the condition holds; the test's own timeout is the limit. */
export const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Whether a process lives (a zombie does not). Group of a process: give the number negated. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  if (process.platform !== 'linux' || pid < 0) return true
  try {
    return !/^\d+ \(.*\) Z/s.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}
