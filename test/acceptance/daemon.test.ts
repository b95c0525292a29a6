/** The daemon: one a project, there when needed, gone when not, and never in the way. */
import * as fs from 'node:fs'
import * as net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { exchange, request } from '../support/frames.js'
import { childrenOf, cpuTicksOf, hasProc, isAlive, sessionOf } from '../support/processes.js'
import { closeSpaces, noted, space, until, waitsFor } from '../support/space.js'

afterEach(closeSpaces)

describe.runIf(hasProc)('its processes', () => {
  test('one daemon serves all commands of a project, and another project has its own', async () => {
    const one = space({ 'x.do': noted('redo-ifchange y'), 'y.do': noted() })
    const two = space({ 'x.do': noted() })
    await Promise.all([one.redo('x'), two.redo('x')])
    const first = one.daemon()
    await one.redo('x')
    expect(one.daemon()).toBe(first)
    expect(two.daemon()).not.toBe(first)
  })

  test('30 commands at once at the first start: one daemon, every target made once, everyone served', async () => {
    const s = space({ 'shared.do': noted('echo shared'), 'default.do': noted('redo-ifchange shared', 'cat shared') })
    const names = Array.from({ length: 30 }, (_, index) => `t${index}`)
    const results = await Promise.all(names.map((name) => s.run('redo-ifchange', [name], { timeoutMs: 25_000 })))
    expect(results.map(({ code, stderr }) => (code === 0 ? '' : stderr)).join('')).toBe('')
    expect(s.engines().length).toBe(1)
    expect(s.runs()).toEqual([...names, 'shared'].sort())
  })

  test('it goes away when idle, and the next command starts another that remembers', async () => {
    const s = space({ 'x.do': noted('echo x') })
    const first = await s.run('redo-ifchange', ['x'], { env: { REDFORD_IDLE_SECONDS: '1' } })
    expect(first.code, first.stderr).toBe(0)
    expect(s.engines().length).toBe(1)
    await until('the idle daemon is gone', () => s.processes().length === 0, 8_000)
    expect(s.exists('.redford/socket')).toBe(false)
    await s.ifchange('x')
    expect(s.runs()).toEqual(['x'])
  })

  test('a build that takes longer than the idle time keeps it alive', async () => {
    const s = space({ 'x.do': noted(waitsFor('go'), 'echo x') })
    const running = s.start('redo', ['x'], { env: { REDFORD_IDLE_SECONDS: '1' } })
    await delay(1_600)
    s.write('go', '')
    const result = await running.done
    expect(result.code, result.stderr).toBe(0)
  })

  test('while idle it uses no processor time at all', async () => {
    const s = space({ 'x.do': noted('redo-ifchange y'), 'y.do': noted() })
    await s.redo('x')
    // Once, half a second after the last command, it gives memory back.
    await delay(1_500)
    const daemon = s.daemon()
    const all = [daemon, ...childrenOf(daemon)]
    const ticks = () => all.map(cpuTicksOf)
    const before = ticks()
    await delay(1_000)
    expect(ticks()).toEqual(before)
  })

  test('the command that starts it comes back with its output closed, and the daemon is no part of its session', async () => {
    const s = space({ 'x.do': 'echo x >&2\n' })
    const shell = s.start('sh', ['-c', 'redo x 2>&1 | cat'])
    expect((await shell.done).stdout).toContain('redo  x')
    const daemon = s.daemon()
    expect(sessionOf(daemon)).not.toBe(shell.pid)
    expect(isAlive(daemon)).toBe(true)
    expect(fs.readlinkSync(`/proc/${daemon}/fd/0`)).toBe('/dev/null')
  })

  test('it keeps no working folder in the way: a folder it built in can be removed', async () => {
    const s = space({ 'default.do': 'echo x\n', 'sub/.keep': '' })
    await s.run('redo', ['x'], { cwd: 'sub' })
    const daemon = s.daemon()
    expect(fs.readlinkSync(`/proc/${daemon}/cwd`)).not.toBe(`${s.root}/sub`)
  })
})

test('redford status names the daemon, redford stop ends it, and neither starts one', async () => {
  const s = space({ 'x.do': 'echo x\n' })
  await s.run('redford', ['status'])
  const idle = await s.run('redford', ['stop'])
  expect(idle.code, idle.stderr).toBe(0)
  expect(s.engines()).toEqual([])
  await s.redo('x')
  const status = await s.run('redford', ['status'])
  expect(status.code, status.stderr).toBe(0)
  if (hasProc) expect(status.stdout).toMatch(new RegExp(`\\b${s.daemon()}\\b`))
  const stop = await s.run('redford', ['stop'])
  expect(stop.code, stop.stderr).toBe(0)
  await until('the stopped daemon is gone', () => s.processes().length === 0, 2_000)
  expect(s.exists('.redford/socket')).toBe(false)
})

test('who waits for a build is told when the daemon is stopped', async () => {
  const s = space({ 'x.do': ': >begun\nsleep 60\n' })
  const running = s.start('redo', ['x'])
  await until('x runs', () => s.exists('begun'))
  await s.run('redford', ['stop'])
  const result = await running.done
  expect(result.code).toBe(1)
  expect(result.stderr).toBe(
    'redo  x\nredo  the daemon was told to end in the middle of the request; run the command again\n',
  )
})

test('redford doctor finds nothing wrong here', async () => {
  const s = space({ 'x.do': 'echo x\n' })
  await s.redo('x')
  const result = await s.run('redford', ['doctor'])
  expect(result.code, result.stdout + result.stderr).toBe(0)
  const { ok, checks } = JSON.parse((await s.run('redford', ['doctor', '--json'])).stdout)
  expect([ok, checks.length]).toEqual([true, result.stdout.trim().split('\n').length])
})

test('redford doctor tells of a cache folder in which commands do not find the C program', async () => {
  const s = space({ file: '' })
  for (const folder of [`${s.root}/file/cache`, 'cache']) {
    const { code, stdout } = await s.run('redford', ['doctor'], { env: { XDG_CACHE_HOME: folder, TMPDIR: s.root } })
    expect(code).toBe(1)
    expect(stdout.split('\n').filter((line) => line.startsWith('no '))).toEqual([
      expect.stringContaining(`, since ${folder}/redford `),
    ])
  }
})

test('a project under a very long path works', async () => {
  const s = space(
    { 'x.do': noted('redo-ifchange y', 'cat y'), 'sub/.keep': '', 'y.do': noted('echo y') },
    Array(4).fill('long'.repeat(16)).join('/'),
  )
  expect(Buffer.byteLength(`${s.root}/.redford/socket`)).toBeGreaterThan(250)
  const result = await s.run('redo', ['../x'], { cwd: 'sub' })
  expect(result.code, result.stderr).toBe(0)
  expect(s.read('x')).toBe('y\n')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['x', 'y'])
  if (hasProc) expect(s.engines().length).toBe(1)
})

test('a build under way is finished before a daemon makes room for a client of another version', async () => {
  const s = space({ 'x.do': noted(': >begun', waitsFor('$PWD/told'), 'echo x'), 'y.do': noted() })
  const running = s.start('redo', ['x'])
  await until('x runs', () => s.exists('begun'))
  const answer = await exchange(s, request(s, 'redo', ['y'], '0.0.0-other'))
  expect(answer.at(-1)?.type).toBe('N')
  const next = s.start('redo', ['y'])
  await delay(200)
  s.write('told', '')
  const results = [await running.done, await next.done]
  expect(results.map(({ code }) => code)).toEqual([0, 0])
  expect(s.runs()).toEqual(['x', 'y'])
})

test('a client of another version that still writes when it is told so gets no error for it', async () => {
  const s = space({ 'x.do': noted(': >begun', waitsFor('$PWD/told'), 'echo x') })
  const running = s.start('redo', ['x'])
  await until('x runs', () => s.exists('begun'))
  const bytes = request(s, 'redo', ['x'], '0.0.0-other')
  const helloSize = 4 + bytes.readUInt32LE(0)
  const heard: string[] = []
  const socket = net.connect({ path: `${s.root}/.redford/socket`, allowHalfOpen: true })
  socket.on('data', (data) => heard.push(data.toString('latin1', 4, 5)))
  socket.on('error', ({ message }) => heard.push(message))
  socket.write(bytes.subarray(0, helloSize))
  await until('it is told', () => heard.length > 0)
  socket.write(bytes.subarray(helloSize))
  await delay(100)
  socket.end()
  expect(heard).toEqual(['N'])
  s.write('told', '')
  expect((await running.done).code).toBe(0)
})

test('a client of another version is told so, and a daemon of the right one serves the next', async () => {
  const s = space({ 'x.do': noted('echo x') })
  await s.redo('x')
  const frames = await exchange(s, request(s, 'redo-ifchange', ['x'], '0.0.0-other'))
  expect(frames.map(({ type }) => type)).toEqual(['N'])
  const result = await s.redo('x')
  expect(result.code, result.stderr).toBe(0)
  expect(s.runs()).toEqual(['x', 'x'])
  if (hasProc) await until('one daemon is left', () => s.engines().length === 1)
})

test('the wire protocol is what the contract says', async () => {
  const s = space({ 'x.do': 'echo heard >&2\necho x\n', 'bad.do': 'exit 3\n' })
  await s.ifchange('x')
  const good = await exchange(s, request(s, 'redo', ['x']))
  expect(good.at(-1)).toEqual({ type: 'X', payload: Buffer.from([0]) })
  expect(Buffer.concat(good.filter(({ type }) => type === 'R').map(({ payload }) => payload)).toString()).toContain(
    'heard\n',
  )
  const bad = await exchange(s, request(s, 'redo', ['bad']))
  expect(bad.at(-1)).toEqual({ type: 'X', payload: Buffer.from([1]) })
  const listed = await exchange(s, request(s, 'redo-targets', []))
  expect(Buffer.concat(listed.filter(({ type }) => type === 'O').map(({ payload }) => payload)).toString()).toBe('x\n')
})
