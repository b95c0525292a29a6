/** The note of temporary files, on a disk that takes no more. */
import fs from 'node:fs'
import { chdir, cwd } from 'node:process'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Temporaries } from '../../src/make/temporary.js'
import { useFolder } from '../support/folder.js'

/** So many bytes have room. */
const disk = vi.hoisted(() => ({ room: Number.POSITIVE_INFINITY }))

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>()
  const writeSync = (fd: number, whole: Buffer, at = 0): number => {
    if (disk.room === 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    const written = real.writeSync(fd, whole, at, Math.min(disk.room, whole.length - at))
    disk.room -= written
    return written
  }
  return { ...real, writeSync }
})

const folder = useFolder()
const home = cwd()
beforeEach(() => {
  chdir(folder.path)
  fs.mkdirSync('.redford/tmp', { recursive: true })
  disk.room = Number.POSITIVE_INFINITY
})
afterEach(() => chdir(home))

const writer = (name: string) => ({ output: `${name}.1.redo.tmp`, name, before: { stat0: 1, stat1: 2 } })

it('holds whole notes only, whatever the disk has room for', () => {
  const notes = ['a', 'b', 'c'].map((name) => `${name}.1.redo.tmp\n${name}\n1 2\n`)
  for (let room = 0; room <= notes[1]!.length; room++) {
    const temporaries = new Temporaries()
    temporaries.note(writer('a'))
    disk.room = room
    const note = () => temporaries.note(writer('b'))
    if (room < notes[1]!.length) expect(note).toThrow('ENOSPC')
    else note()
    disk.room = Number.POSITIVE_INFINITY
    temporaries.note(writer('c'))
    const expected = room < notes[1]!.length ? [notes[0], notes[2]] : notes
    expect(fs.readFileSync('.redford/outputs', 'latin1')).toBe(expected.join(''))
    temporaries.forget()
    temporaries.close()
  }
})

it('that a run failed ends nothing where it cannot be noted', () => {
  const temporaries = new Temporaries()
  temporaries.note(writer('a'))
  disk.room = 0
  temporaries.noteFailed(writer('a'))
  temporaries.close()
  expect(new Temporaries().begun).toEqual([{ name: 'a', stat0: 1, stat1: 2 }])
})
