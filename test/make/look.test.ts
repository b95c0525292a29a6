import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hashFile, isRacy, look, lookAtItself, RACY_WINDOW_MS } from '../../src/make/look.js'
import { ABSENT, FILE, FOLDER, LOOK_FAILED, OTHER } from '../../src/model/look.js'

let folder: string
const at = (name: string): string => join(folder, name)

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'redford-look-'))
})
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

/** Without `racy`, which depends on when the test runs. */
const statOf = (name: string) => {
  const { kind, stat0, stat1, errno } = look(at(name))
  return { kind, stat0, stat1, errno }
}

const nothing = { kind: ABSENT, stat0: 0, stat1: 0, errno: 0 }

describe('a look', () => {
  it('at nothing sees nothing, also below a file', () => {
    fs.writeFileSync(at('file'), '')
    for (const name of ['absent', 'file/below', 'no/such/folder']) expect(statOf(name)).toEqual(nothing)
  })

  it('at a link that leads nowhere sees the link', () => {
    fs.writeFileSync(at('file'), '')
    fs.symlinkSync('nowhere', at('dangling'))
    fs.symlinkSync('file/below', at('below'))
    for (const name of ['dangling', 'below']) expect(statOf(name)).toMatchObject({ kind: OTHER, errno: 0 })
    expect(statOf('dangling')).not.toEqual(statOf('below'))
  })

  it('at a link itself is another one only if the link is', () => {
    fs.symlinkSync('end', at('link'))
    const first = lookAtItself(at('link'))
    fs.writeFileSync(at('end'), '')
    expect(lookAtItself(at('link'))).toMatchObject({ kind: OTHER, stat0: first.stat0, stat1: first.stat1 })
    fs.rmSync(at('link'))
    fs.writeFileSync(at('link'), '')
    expect(lookAtItself(at('link'))).toMatchObject({ ...statOf('link'), isLink: false })
  })
  it("by the name of nothing sees the folder it is in, which is the project's own", () => {
    expect(look('').kind).toBe(FOLDER)
  })

  it('tells files, folders and others, also through links', () => {
    fs.writeFileSync(at('file'), 'x')
    fs.mkdirSync(at('folder'))
    fs.symlinkSync('file', at('to-file'))
    fs.symlinkSync('folder', at('to-folder'))
    execFileSync('mkfifo', [at('pipe')])
    expect(['file', 'to-file', 'folder', 'to-folder', 'pipe'].map((name) => statOf(name).kind)).toEqual([
      FILE,
      FILE,
      FOLDER,
      FOLDER,
      OTHER,
    ])
  })

  it('at a loop of links, or a name too long, fails with the errno', () => {
    fs.symlinkSync('b', at('a'))
    fs.symlinkSync('a', at('b'))
    expect(statOf('a')).toMatchObject({ kind: LOOK_FAILED, stat0: 0, stat1: 0 })
    expect(statOf('n'.repeat(300))).toMatchObject({ kind: LOOK_FAILED, stat0: 0, stat1: 0 })
    expect(statOf('a').errno).not.toBe(statOf('n'.repeat(300)).errno)
    expect(statOf('a').errno).toBeGreaterThan(0)
  })

  it('stays the same while nothing changes', () => {
    fs.writeFileSync(at('file'), 'x')
    expect(statOf('file')).toEqual(statOf('file'))
    expect(statOf('file')).not.toMatchObject({ stat0: 0, stat1: 0 })
  })

  it('shows a change of size, mode, time or inode', () => {
    const file = at('file')
    fs.writeFileSync(file, 'x')
    fs.utimesSync(file, 1000, 1000)
    const seen = new Set([look(file).stat0])
    const changes = [
      () => fs.appendFileSync(file, 'y'),
      () => fs.chmodSync(file, 0o600),
      () => fs.utimesSync(file, 1000, 1001),
      () => {
        fs.copyFileSync(file, at('copy'))
        fs.renameSync(at('copy'), file)
      },
    ]
    for (const change of changes) {
      change()
      seen.add(look(file).stat0)
    }
    expect(seen.size).toBe(1 + changes.length)
  })

  it('at a link shows a change of the file behind it, and of the link itself', () => {
    fs.writeFileSync(at('one'), 'x')
    fs.linkSync(at('one'), at('two'))
    fs.symlinkSync('one', at('link'))
    const first = statOf('link')
    fs.rmSync(at('link'))
    fs.symlinkSync('two', at('link'))
    const retargeted = statOf('link')
    expect(retargeted).not.toEqual(first)
    fs.appendFileSync(at('two'), 'y')
    expect(statOf('link')).not.toEqual(retargeted)
  })

  it('at a folder does not care what is inside', () => {
    fs.mkdirSync(at('folder'))
    fs.symlinkSync('folder', at('link'))
    const before = [statOf('folder'), statOf('link')]
    fs.writeFileSync(at('folder/file'), '')
    fs.chmodSync(at('folder'), 0o700)
    expect([statOf('folder'), statOf('link')]).toEqual(before)
  })

  it('takes names of any bytes', () => {
    const name = 'b\xff \t-\xe9'
    fs.writeFileSync(Buffer.from(at(name), 'latin1'), 'x')
    expect(statOf(name).kind).toBe(FILE)
    expect(look(Buffer.from(at(name), 'latin1'))).toEqual(look(at(name)))
  })
})

describe('a look is racy', () => {
  const hourAgo = Date.now() / 1000 - 3600

  it('right after the file was written', () => {
    fs.writeFileSync(at('file'), 'x')
    expect(look(at('file')).racy).toBe(true)
  })

  it('even if the writer set an old time, for the change itself is new', () => {
    fs.writeFileSync(at('file'), 'x')
    fs.utimesSync(at('file'), hourAgo, hourAgo)
    expect(look(at('file')).racy).toBe(true)
  })

  it('when the time lies in the future', () => {
    expect(isRacy(1000, 5000)).toBe(true)
  })

  it('not for what changed long ago, nor for a folder', () => {
    expect(look('/bin/sh').racy).toBe(false)
    expect(look(folder).racy).toBe(false)
  })

  it('up to the window before the look', () => {
    expect(isRacy(1000, 1000)).toBe(true)
    expect(isRacy(1000, 1000.5 - RACY_WINDOW_MS)).toBe(true)
    expect(isRacy(1000, 1000 - RACY_WINDOW_MS)).toBe(false)
  })
})

describe('the content digest', () => {
  const expected = (content: Buffer | string) => {
    const digest = createHash('sha256').update(content).digest()
    return E.right([0, 4, 8, 12].map((offset) => digest.readInt32LE(offset)))
  }

  it('is the first half of SHA-256, whatever the size', () => {
    const sizes = [0, 1, 1000, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 1_500_000]
    for (const size of sizes) {
      const content = Buffer.alloc(size, 'some text ')
      fs.writeFileSync(at('file'), content)
      expect(hashFile(at('file'))).toEqual(expected(content))
    }
  })

  it('follows links', () => {
    fs.writeFileSync(at('file'), 'x')
    fs.symlinkSync('file', at('link'))
    expect(hashFile(at('link'))).toEqual(expected('x'))
  })

  it('says why there is none', () => {
    fs.symlinkSync('loop', at('loop'))
    execFileSync('mkfifo', [at('pipe')])
    expect(hashFile(at('absent'))).toEqual(E.left({ _tag: 'absent' }))
    expect(hashFile(folder)).toEqual(E.left({ _tag: 'notAFile' }))
    expect(hashFile(at('pipe'))).toEqual(E.left({ _tag: 'notAFile' }))
    expect(hashFile(at('loop'))).toMatchObject(E.left({ _tag: 'unreadable', code: 'ELOOP' }))
  })

  it('closes what it opened', () => {
    const open = () => fs.readdirSync('/dev/fd').length
    fs.writeFileSync(at('file'), 'x')
    const before = open()
    for (const name of ['file', 'absent', '.']) hashFile(at(name))
    expect(open()).toBe(before)
  })
})
