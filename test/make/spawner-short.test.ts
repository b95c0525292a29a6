/** The forkserver itself cannot be started, for want of something that the system will have later. */
import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { constants } from 'node:os'
import { afterEach, beforeAll, expect, it, vi } from 'vitest'
import { nativeSpawner } from '../../src/make/forkserver.js'
import type { RunRequest } from '../../src/make/forkserver-messages.js'
import { packStrings } from '../../src/make/frame.js'
import type { Spawner, SpawnHandlers } from '../../src/make/spawner.js'
import { until, useFolder } from '../support/folder.js'
import { useNative } from '../support/native.js'

vi.mock('node:child_process', async (original) => {
  const real = await original<typeof import('node:child_process')>()
  return { ...real, spawn: vi.fn(real.spawn) }
})

const folder = useFolder()
const { errno, signals } = constants

const native = useNative()
let program = ''
beforeAll(() => {
  program = native().program
})

const faultOf = (code: keyof typeof errno): Error =>
  Object.assign(new Error(`spawn ${code}`), { code, errno: -errno[code] })

/** As Node does: which errors it throws, and which the process tells of, is for it to choose. */
const thrown = (code: keyof typeof errno) => (): ChildProcess => {
  throw faultOf(code)
}
const told = (code: keyof typeof errno) => (): ChildProcess => {
  const child = Object.assign(new EventEmitter(), { pid: undefined })
  process.nextTick(() => {
    child.emit('error', faultOf(code))
    child.emit('close', -errno[code], null)
  })
  return child as unknown as ChildProcess
}
/** The next processes cannot be started, each for one of these reasons. */
const lacks = (...faults: readonly (() => ChildProcess)[]): void => {
  for (const fault of faults) vi.mocked(spawn).mockImplementationOnce(fault)
}

let open: Spawner[] = []
afterEach(async () => {
  await Promise.all(open.map((spawner) => spawner.close()))
  open = []
  vi.mocked(spawn).mockReset()
})

const start = () => {
  const heard: string[] = []
  const pids: number[] = []
  const handlers: SpawnHandlers = {
    begun: (pid) => {
      pids.push(pid)
      heard.push('begun')
    },
    started: (runId) => heard.push(`started ${runId}`),
    exited: ({ runId, exitCode, signal }) => heard.push(`exited ${runId} ${exitCode} ${signal}`),
    noted: () => {},
    failed: (runId, code, text) => heard.push(`failed ${runId} ${code} ${text}`),
    retrying: (runId, code, delayMs) => heard.push(`retrying ${runId} ${code} ${delayMs}`),
    lost: (why) => heard.push(`lost: ${why}`),
  }
  const spawner = nativeSpawner(program, undefined, handlers)
  open.push(spawner)
  spawner.define(1, packStrings([`PATH=${process.env.PATH}`, 'COLOUR=red']))
  const request = (runId: number, script: string): RunRequest => ({
    ...{ runId, envId: 1, umask: 0o22, cwd: folder.path, stdoutPath: '', stderrPath: '', extraEnv: [] },
    argv: ['sh', '-c', script],
  })
  const over = (runId: number) =>
    heard.some((line) => /^(exited|failed)/.test(line) && line.split(' ')[1] === `${runId}`)
  return { heard, pids, spawner, request, over }
}

it.each([
  ['thrown', thrown],
  ['told', told],
] as const)('a shortage that is %s has it tried again, ever more slowly, and no run fails', async (_, how) => {
  lacks(how('ENOMEM'), how('EAGAIN'), how('EMFILE'))
  const { heard, pids, spawner, request, over } = start()
  await new Promise((resolve) => setImmediate(resolve))
  spawner.run(request(1, 'test "$COLOUR" = red'))
  await until(() => over(1))
  const retrying = [`retrying 1 ${errno.EAGAIN} 10`, `retrying 1 ${errno.EMFILE} 20`]
  expect(heard).toEqual([...retrying, 'begun', 'started 1', 'exited 1 0 0'])
  expect(pids).toEqual([spawner.pid])
  expect(spawner.pid).toBeGreaterThan(1)
})

it('all that waits runs in the one process that is started at last', async () => {
  lacks(thrown('EAGAIN'), told('EAGAIN'), thrown('EAGAIN'))
  const { heard, spawner, request, over } = start()
  const runs = [1, 2, 3, 4]
  for (const run of runs) spawner.run(request(run, `exit ${run}`))
  await until(() => runs.every(over))
  expect(heard.filter((line) => line === 'begun')).toHaveLength(1)
  for (const run of runs) expect(heard).toContain(`exited ${run} ${run} 0`)
})

it('what is asked for before a shortage that was thrown is known of waits with the rest, though there were none any more', async () => {
  lacks(thrown('EAGAIN'))
  const { heard, spawner, request, over } = start()
  for (const run of [1, 2]) spawner.run(request(run, ':'))
  await until(() => over(1) && over(2))
  const again = [1, 2].map((run) => `retrying ${run} ${errno.EAGAIN} 10`)
  expect(heard.slice(0, 3)).toEqual([...again, 'begun'])
})

it.each([
  ['thrown', thrown],
  ['told', told],
] as const)('what is given up before a shortage that is %s is known of ends by that', async (_, how) => {
  lacks(how('EAGAIN'))
  const { heard, spawner, request, over } = start()
  spawner.run(request(1, ':'))
  spawner.kill(1, signals.SIGTERM)
  spawner.run(request(2, ':'))
  await until(() => over(1) && over(2))
  expect(heard.filter((line) => line.split(' ')[1] === '1')).toEqual([`exited 1 -1 ${signals.SIGTERM}`])
})

it('what was to stand by does so then, and starts only when it is told to', async () => {
  lacks(told('EAGAIN'))
  const { heard, spawner, request, over } = start()
  spawner.run(request(1, 'exit 3'))
  spawner.standby!(request(2, ':'))
  await until(() => over(1))
  await spawner.stat!(Buffer.from('/\0'))
  expect(heard).not.toContain('started 2')
  spawner.go!(2)
  await until(() => over(2))
  expect(heard).toContain('exited 2 0 0')
})

it('what was to stand by, and is told to start while there is no process yet, starts once there is', async () => {
  lacks(told('EAGAIN'), told('EAGAIN'))
  const { heard, spawner, request, over } = start()
  spawner.standby!(request(1, ':'))
  await until(() => heard.length > 0)
  spawner.go!(1)
  await until(() => over(1))
  expect(heard.at(-1)).toBe('exited 1 0 0')
})

it('what waits may be given up, and all of it is when the spawner is closed', async () => {
  vi.mocked(spawn).mockImplementation(told('EMFILE'))
  const { heard, spawner, request, over } = start()
  for (const run of [1, 2]) spawner.run(request(run, ':'))
  await until(() => heard.length === 2)
  spawner.kill(1, signals.SIGTERM)
  await until(() => over(1))
  expect(heard).toContain(`exited 1 -1 ${signals.SIGTERM}`)
  await spawner.close()
  const [before, count] = [[...heard], vi.mocked(spawn).mock.calls.length]
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect([heard, vi.mocked(spawn).mock.calls.length]).toEqual([before, count])
})

it('looks are refused once it is closed, be there a process or none', async () => {
  const { spawner } = start()
  await spawner.close()
  vi.mocked(spawn).mockImplementation(told('EMFILE'))
  const { spawner: without } = start()
  await new Promise((resolve) => setImmediate(resolve))
  const closed = without.close()
  for (const each of [spawner, without])
    await expect(each.stat!(Buffer.from('/\0'))).rejects.toThrow('the forkserver is gone')
  await closed
})

it('looks are refused meanwhile', async () => {
  lacks(told('EAGAIN'))
  const { spawner } = start()
  await expect(spawner.stat!(Buffer.from('/\0'))).rejects.toThrow('the forkserver does not start: spawn EAGAIN')
  expect(await spawner.stat!(Buffer.from('/\0'))).toHaveLength(4)
})

it.each([
  ['thrown', thrown],
  ['told', told],
] as const)('any other reason that is %s is final', async (_, how) => {
  lacks(how('EACCES'))
  const { heard, spawner, request } = start()
  if (how === told) spawner.run(request(1, ':'))
  await until(() => heard.length > 0)
  spawner.run(request(2, ':'))
  await until(() => heard.some((line) => line.startsWith('failed 2')))
  const why = 'the forkserver does not start: spawn EACCES'
  const first = how === told ? [`failed 1 ${errno.EPIPE} ${why}`] : []
  expect(heard).toEqual([...first, `lost: ${why}`, `failed 2 ${errno.EPIPE} the forkserver is gone`])
})
