/** Faults 20 and 22: what lies at the socket's place, and who may talk through it. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as net from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { frame, framesOf } from '../support/frames.js'
import { closeSpaces, noted, type Space, space, until } from '../support/space.js'

afterEach(closeSpaces)

const socketOf = (s: Space): string => `${s.root}/.redford/socket`

/** A server at the socket's place that is not Redford's. Keeps the types of the frames it was sent. */
const impostor = async (
  s: Space,
  answer: Buffer,
): Promise<{ readonly heard: string[]; readonly close: () => Promise<void> }> => {
  const heard: string[] = []
  const server = net.createServer((socket) => {
    let received: Buffer = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      received = Buffer.concat([received, data])
      const types = framesOf(received).map(({ type }) => type)
      heard.push(...types)
      if (types.length > 0) socket.end(answer)
    })
  })
  fs.rmSync(socketOf(s), { force: true })
  await new Promise<void>((resolve) => server.listen(socketOf(s), resolve))
  return { heard, close: () => new Promise((resolve) => server.close(() => resolve())) }
}

const expectBuilds = async (s: Space): Promise<void> => {
  const result = await s.redo('x')
  expect(result.code, result.stderr).toBe(0)
  expect(s.read('x')).toBe('1')
  expect(fs.lstatSync(socketOf(s)).isSocket()).toBe(true)
  s.write('src', '2')
  expect((await s.ifchange('x')).code).toBe(0)
  expect([s.read('x'), s.runs()]).toEqual(['2', ['x', 'x']])
}

const project = (): Space => space({ src: '1', 'sub/file': '', 'x.do': noted('redo-ifchange src', 'cat src') })

describe('at the place of the socket lies', () => {
  test('a socket nobody listens to', async () => {
    const s = project()
    await s.redo('x')
    await s.crash()
    expect(fs.lstatSync(socketOf(s)).isSocket()).toBe(true)
    s.runs()
    await expectBuilds(s)
  })

  test.each([
    ['a file', (path: string) => fs.writeFileSync(path, 'not a socket')],
    ['an empty folder', (path: string) => fs.mkdirSync(path)],
    [
      'a folder with a file',
      (path: string) => fs.cpSync(path.replace('.redford/socket', 'sub'), path, { recursive: true }),
    ],
    ['a dangling symlink', (path: string) => fs.symlinkSync('nowhere', path)],
  ])('%s', async (_, put) => {
    const s = project()
    fs.mkdirSync(`${s.root}/.redford`, { mode: 0o700 })
    put(socketOf(s))
    await expectBuilds(s)
  })

  test('the socket of a daemon of another version that has let go of the lock', async () => {
    const s = project()
    fs.mkdirSync(`${s.root}/.redford`, { mode: 0o700 })
    const other = await impostor(s, frame('N'))
    try {
      await expectBuilds(s)
      expect(other.heard.length).toBeGreaterThan(0)
    } finally {
      await other.close()
    }
    // That took the file away by its name, which is the daemon's by now: it makes it again.
    await until('the socket is there', () => fs.existsSync(socketOf(s)))
  })

  test.runIf(process.getuid?.() === 0)("another user's socket: nothing is told to it", async () => {
    const s = project()
    fs.mkdirSync(`${s.root}/.redford`, { mode: 0o700 })
    const other = await impostor(s, frame('X', Buffer.from([0])))
    fs.chownSync(socketOf(s), 65_534, 65_534)
    try {
      const result = await s.redo('x')
      expect(other.heard).toEqual([])
      // Whether it builds past the stranger or refuses, it must not claim what is not so.
      if (result.code === 0) expect(s.read('x')).toBe('1')
      else expect(result.stderr).toMatch(/socket/)
    } finally {
      await other.close()
    }
  })
})

test('the state folder is 0700 and the socket 0600, whatever the umask', async () => {
  for (const umask of ['000', '022', '077']) {
    const s = project()
    expect((await s.sh(`umask ${umask}; redo x`)).code).toBe(0)
    expect([s.mode('.redford'), s.mode('.redford/socket')].map((mode) => mode.toString(8))).toEqual(['700', '600'])
  }
})

test('a state folder that is open to others is closed, or refused with a line that says so', async () => {
  const s = project()
  fs.mkdirSync(`${s.root}/.redford`)
  fs.chmodSync(`${s.root}/.redford`, 0o777)
  const result = await s.redo('x')
  if (result.code === 0) expect(s.mode('.redford').toString(8)).toBe('700')
  else expect(result.stderr).toMatch(/\.redford/)
})

test('a socket path over 107 bytes neither is cut nor hinders anyone', async () => {
  const one = space({ src: '1', 'x.do': noted('redo-ifchange src', 'cat src') }, `${'p'.repeat(120)}/one`)
  const two = space({ src: '1', 'x.do': noted('redo-ifchange src', 'cat src') }, `${'p'.repeat(120)}/two`)
  await Promise.all(
    [one, two].map(async (s) => {
      expect(Buffer.byteLength(socketOf(s))).toBeGreaterThan(107)
      const result = await s.redo('x')
      expect(result.code, result.stderr).toBe(0)
      expect(s.read('x')).toBe('1')
    }),
  )
  expect([one.runs(), two.runs()]).toEqual([['x'], ['x']])
  await one.crash()
  one.write('src', '2')
  const result = await one.ifchange('x')
  expect(result.code, result.stderr).toBe(0)
  expect(one.read('x')).toBe('2')
})

const canBeAnother = process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status === 0

test.runIf(canBeAnother)('who finds the state folder of another user is told so', async () => {
  const s = project()
  await s.redo('x')
  fs.chmodSync(s.base, 0o755)
  const as = ['--reuid=65534', '--clear-groups']
  for (const command of [['redo', 'x'], ['redo', '--no-daemon', 'x'], ['redo-targets']]) {
    const result = await s.run('setpriv', [...as, ...command])
    expect([result.code, result.stderr]).toEqual([205, 'redo  .redford belongs to another user\n'])
  }
})

test('a client without room for more open files says so', async () => {
  const s = project()
  for (const files of [21, 22, 23]) {
    const result = await s.sh(`ulimit -n ${files}; redo x`)
    expect(result.code).not.toBe(0)
    expect(result.stderr).not.toContain('fault of redford')
  }
})
