import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { nativeSpawner, statPieces } from '../../src/make/forkserver.js'
import type { Exit, RunRequest } from '../../src/make/forkserver-messages.js'
import { encodeFrame, packStrings } from '../../src/make/frame.js'
import { look } from '../../src/make/look.js'
import { nodeSpawner } from '../../src/make/node-spawner.js'
import { Retries, type Spawner, type SpawnHandlers } from '../../src/make/spawner.js'
import { statAllSync } from '../../src/make/stat-all.js'
import { isAlive, until, useFolder } from '../support/folder.js'
import { useNative } from '../support/native.js'

const folder = useFolder()
const { errno, signals } = constants

const native = useNative()
let program = ''
let warmShell: string | undefined
beforeAll(() => {
  const compiled = native()
  program = compiled.program
  warmShell = compiled.warmShell
})

/** Handlers that write down what they hear: `exited 1 0 0`. */
const listen = () => {
  const heard: string[] = []
  const exits = new Map<number, Exit>()
  const pids = new Map<number, number>()
  const handlers: SpawnHandlers = {
    begun: () => {},
    started: (runId, pid) => {
      heard.push(`started ${runId}`)
      pids.set(runId, pid)
    },
    exited: (exit) => {
      heard.push(`exited ${exit.runId} ${exit.exitCode} ${exit.signal}`)
      exits.set(exit.runId, exit)
    },
    failed: (runId, code) => heard.push(`failed ${runId} ${code}`),
    retrying: (runId, code, delayMs) => heard.push(`retrying ${runId} ${code} ${delayMs}`),
    noted: ({ runId, names }) => heard.push(`noted ${runId} ${names.join(' ')}`),
    lost: () => heard.push('lost'),
  }
  const over = (runId: number) =>
    heard.some((line) => /^(exited|failed)/.test(line) && line.split(' ')[1] === `${runId}`)
  return { heard, exits, pids, handlers, over }
}

let open: Spawner[] = []
afterEach(async () => {
  await Promise.all(open.map((spawner) => spawner.close()))
  open = []
})

const implementations = {
  native: (handlers: SpawnHandlers) => nativeSpawner(program, undefined, handlers),
  warm: (handlers: SpawnHandlers) => nativeSpawner(program, warmShell, handlers),
  node: (handlers: SpawnHandlers) => nodeSpawner(handlers),
}

it('the native spawner that cannot be started for want of open files is tried again until it can', () => {
  const script = `
    import fs from 'node:fs'
    import { nativeSpawner } from '${join(process.cwd(), 'dist/make/forkserver.js')}'
    const say = (name) => (...words) => console.log(name, ...words)
    const files = []
    try { for (;;) files.push(fs.openSync('/dev/null')) } catch {}
    let tries = 0
    const spawner = nativeSpawner('${program}', undefined, {
      begun: () => console.log('begun'),
      started: (runId) => console.log('started', runId),
      failed: say('failed'),
      lost: say('lost'),
      retrying: (...words) => {
        console.log('retrying', ...words)
        if (++tries === 3) for (const file of files) fs.closeSync(file)
      },
      exited: ({ runId, exitCode }) => {
        console.log('exited', runId, exitCode)
        spawner.close().then(() => console.log('closed'))
      },
    })
    spawner.define(1, Buffer.from('PATH=${process.env.PATH}\\0'))
    spawner.run({ runId: 1, envId: 1, umask: 0, cwd: '/', stdoutPath: '', stderrPath: '', extraEnv: [], argv: ['sh', '-c', 'exit 7'] })
  `
  const shell = ['-c', 'ulimit -n 64; exec "$0" --input-type=module -e "$1"', process.execPath, script]
  const { stdout, stderr } = spawnSync('/bin/sh', shell, { encoding: 'utf8' })
  const retrying = [10, 20, 40].map((ms) => `retrying 1 ${errno.EMFILE} ${ms}\n`).join('')
  expect(stdout, stderr).toBe(`${retrying}begun\nstarted 1\nexited 1 7\nclosed\n`)
})

describe.each(['native', 'warm', 'node'] as const)('the %s spawner', (name) => {
  const start = () => {
    const ears = listen()
    const spawner = implementations[name](ears.handlers)
    open.push(spawner)
    spawner.define(7, packStrings([`PATH=${process.env.PATH}`, 'COLOUR=red', 'SIZE=1']))
    let last = 0
    const run = (argv: readonly string[], more: Partial<RunRequest> = {}): number => {
      const files = { stdoutPath: folder.at(`out${++last}`), stderrPath: folder.at(`err${last}`) }
      spawner.run({ runId: last, envId: 7, umask: 0o22, cwd: folder.path, ...files, extraEnv: [], argv, ...more })
      return last
    }
    const sh = (script: string, more: Partial<RunRequest> = {}): number => run(['sh', '-c', script], more)
    return { ...ears, spawner, run, sh }
  }
  const out = (runId: number): string => fs.readFileSync(folder.at(`out${runId}`), 'latin1')

  it('runs a program and reports its exit code', async () => {
    const { sh, heard, over } = start()
    const runs = [sh('echo hello; echo oops >&2'), sh('exit 3')]
    await until(() => runs.every(over))
    expect(heard.sort()).toEqual(['exited 1 0 0', 'exited 2 3 0', 'started 1', 'started 2'])
    expect(out(1)).toBe('hello\n')
    expect(fs.readFileSync(folder.at('err1'), 'utf8')).toBe('oops\n')
  })

  it('reports the signal that ended it', async () => {
    const { sh, heard, over } = start()
    const run = sh('kill -9 $$')
    await until(() => over(run))
    expect(heard).toContain(`exited 1 -1 ${signals.SIGKILL}`)
  })

  it('gives the run its folder, its environment and nothing on standard input', async () => {
    const { sh, over } = start()
    fs.mkdirSync(folder.at('sub'))
    const run = sh('pwd -P; echo "$COLOUR $SIZE $MORE"; cat; env | grep -c SIZE=', {
      cwd: folder.at('sub'),
      extraEnv: ['SIZE=2', 'MORE=a=b c'],
    })
    await until(() => over(run))
    expect(out(run)).toBe(`${folder.at('sub')}\nred 2 a=b c\n1\n`)
  })

  it('looks for the program in the PATH of the run', async () => {
    const { run, heard, over } = start()
    fs.mkdirSync(folder.at('bin'))
    fs.writeFileSync(folder.at('bin/greet'), '#!/bin/sh\necho "greetings $1"\n', { mode: 0o755 })
    const found = run(['greet', 'x'], { extraEnv: [`PATH=/nowhere:${folder.at('bin')}:/bin:/usr/bin`] })
    const missing = run(['greet', 'x'])
    await until(() => over(found) && over(missing))
    expect(out(found)).toBe('greetings x\n')
    expect(heard).toContain(`failed ${missing} ${errno.ENOENT}`)
  })

  it('empties the output file, gives it and the process the umask of the run, and appends privately to the other', async () => {
    const { sh, over } = start()
    fs.writeFileSync(folder.at('out1'), 'a long text of an earlier attempt')
    fs.writeFileSync(folder.at('err1'), 'earlier ')
    const umask = process.umask()
    const runs = [sh('echo new; echo later >&2'), sh(':'), sh(`umask; : >"${folder.path}/own"`, { umask: 0o27 })]
    await until(() => runs.every(over))
    expect(out(1)).toBe('new\n')
    expect(out(3)).toMatch(/^0+27\n$/)
    expect(fs.readFileSync(folder.at('err1'), 'utf8')).toBe('earlier later\n')
    const modes = ['out2', 'err2', 'out3', 'err3', 'own'].map((name) => fs.statSync(folder.at(name)).mode & 0o777)
    expect(modes).toEqual([0o644, 0o600, 0o640, 0o600, 0o640])
    expect(process.umask()).toBe(umask)
  })

  it('writes nowhere when no files are named', async () => {
    const { sh, over, heard } = start()
    const run = sh('echo lost; echo lost >&2', { stdoutPath: '', stderrPath: '' })
    await until(() => over(run))
    expect(heard).toContain('exited 1 0 0')
    expect(fs.readdirSync(folder.path)).toEqual([])
  })

  it('reports a run that cannot start, and goes on', async () => {
    const { sh, heard, over } = start()
    fs.writeFileSync(folder.at('file'), '')
    const runs = [
      sh(':', { cwd: folder.at('absent') }),
      sh(':', { cwd: folder.at('file') }),
      sh(':', { stdoutPath: folder.at('absent/out') }),
      sh(':'),
    ]
    await until(() => runs.every(over))
    expect(heard.filter((line) => line.startsWith('failed')).sort()).toEqual([
      `failed 1 ${errno.ENOENT}`,
      `failed 2 ${errno.ENOTDIR}`,
      `failed 3 ${errno.ENOENT}`,
    ])
    expect(heard).toContain('exited 4 0 0')
  })

  it('keeps bytes that are no UTF-8 in arguments, folders and variables', async () => {
    const { run, over } = start()
    const odd = "caf\xe9 \xff'$x\\0 %s"
    const valid = Buffer.from('né').toString('latin1')
    fs.mkdirSync(Buffer.from(folder.at(odd), 'latin1'))
    const argv = ['sh', '-c', 'printf "%s|" "$@" "$ODD" "$VALID"; pwd -P', 'sh', odd, '', valid, 'ends in newline\n']
    const made = run(argv, { cwd: folder.at(odd), extraEnv: [`ODD=${odd}`, `VALID=${valid}`] })
    const plain = run(['sh', '-c', 'printf "%s" "$1$VALID"', 'sh', valid], { extraEnv: [`VALID=${valid}`] })
    await until(() => over(made) && over(plain))
    expect(out(made)).toBe(`${odd}||${valid}|ends in newline\n|${odd}|${valid}|${folder.at(odd)}\n`)
    expect(out(plain)).toBe(valid + valid)
  })

  it('is done at the exit, though a background child keeps the files open', async () => {
    const { sh, heard, pids, spawner, over } = start()
    const run = sh('sleep 1000 & echo $!; exit 5')
    await until(() => over(run))
    expect(heard).toContain('exited 1 5 0')
    const child = Number(out(run))
    expect(isAlive(child)).toBe(true)
    spawner.kill(run, signals.SIGKILL)
    await until(() => !isAlive(child))
    expect(pids.get(run)).not.toBe(child)
  })

  it('kills the whole group', async () => {
    const { sh, heard, spawner, over } = start()
    const run = sh('sleep 1000 & echo $!; wait')
    await until(() => fs.existsSync(folder.at('out1')) && out(1).endsWith('\n'))
    const child = Number(out(run))
    spawner.kill(run, signals.SIGTERM)
    await until(() => over(run) && !isAlive(child))
    expect(heard).toContain(`exited 1 -1 ${signals.SIGTERM}`)
  })

  it('starts programs with the default signals, though ours ignore SIGPIPE', async () => {
    const { sh, over } = start()
    const run = sh('yes 2>/dev/null | head -1; echo done; kill -PIPE $$; echo not reached')
    await until(() => over(run))
    expect(out(run)).toBe('y\ndone\n')
  })

  it.runIf(name !== 'node')(
    'tells which files another run may have: empty, as they were made, open nowhere',
    async () => {
      const { sh, exits, over } = start()
      // A session of its own is no member of the group, and yet holds what it inherited.
      const hold = (files: string): string =>
        `setsid sh -c 'echo $$ >pid; exec sleep 1000' ${files} & until test -s pid; do :; done`
      const scripts = {
        ':': [true, true],
        'echo x': [false, true],
        'echo x >&2; exit 1': [true, false],
        'chmod +x /dev/stdout': [false, true],
        [hold('2>/dev/null')]: [false, true],
        [hold('>/dev/null')]: [true, false],
      }
      for (const [script, expected] of Object.entries(scripts)) {
        const run = sh(script)
        await until(() => over(run))
        if (fs.existsSync(folder.at('pid'))) {
          process.kill(Number(fs.readFileSync(folder.at('pid'), 'utf8')))
          fs.rmSync(folder.at('pid'))
        }
        const { isStdoutUnused, isStderrUnused } = exits.get(run)!
        expect([script, isStdoutUnused, isStderrUnused]).toEqual([script, ...expected])
      }
    },
  )

  it('runs a hundred at once', async () => {
    const { sh, heard, over } = start()
    const runs = Array.from({ length: 100 }, (_, i) => sh(`echo ${i}; exit ${i}`))
    await until(() => runs.every(over))
    expect(new Set(heard.filter((line) => line.startsWith('exited')))).toEqual(
      new Set(runs.map((run, i) => `exited ${run} ${i} 0`)),
    )
    expect(runs.map(out)).toEqual(runs.map((_, i) => `${i}\n`))
    // A run is never over before it has started.
    for (const run of runs)
      expect(heard.indexOf(`started ${run}`)).toBeLessThan(heard.findIndex((line) => line.startsWith(`exited ${run} `)))
  })

  it('ends everything when it is closed, also what ignores SIGTERM, and tells nothing more', async () => {
    const { sh, heard, pids, spawner } = start()
    const runs = [sh('sleep 1000'), sh('trap "" TERM; echo ready; while :; do sleep 1; done')]
    await until(() => fs.existsSync(folder.at('out2')) && out(2) === 'ready\n' && pids.size === 2)
    const before = [...heard]
    await spawner.close()
    await until(() => runs.every((run) => !isAlive(pids.get(run)!)))
    expect(heard).toEqual(before)
  })

  it('leaves no descriptor open', async () => {
    const { sh, over } = start()
    const first = sh(':')
    await until(() => over(first))
    const before = fs.readdirSync('/dev/fd').length
    const runs = [sh(':'), sh(':', { cwd: '/absent' }), sh(':', { stdoutPath: '/absent/x' })]
    await until(() => runs.every(over))
    expect(fs.readdirSync('/dev/fd').length).toBe(before)
  })
})

describe('the forkserver', () => {
  it('gives runs a clean table of descriptors', async () => {
    const { handlers, over } = listen()
    const spawner = nativeSpawner(program, undefined, handlers)
    open.push(spawner)
    spawner.define(1, packStrings([`PATH=${process.env.PATH}`]))
    const argv = ['sh', '-c', 'ls /dev/fd | tr "\\n" " "']
    spawner.run({
      runId: 1,
      envId: 1,
      umask: 0o22,
      cwd: '/',
      stdoutPath: folder.at('out'),
      stderrPath: '',
      extraEnv: [],
      argv,
    })
    await until(() => over(1))
    // 3 is the one with which ls reads the folder.
    expect(fs.readFileSync(folder.at('out'), 'utf8')).toBe('0 1 2 3 ')
  })

  it('refuses an environment that was never defined', async () => {
    const { handlers, heard, over } = listen()
    const spawner = nativeSpawner(program, undefined, handlers)
    open.push(spawner)
    spawner.run({
      runId: 1,
      envId: 99,
      umask: 0o22,
      cwd: '/',
      stdoutPath: '',
      stderrPath: '',
      extraEnv: [],
      argv: ['true'],
    })
    await until(() => over(1))
    expect(heard).toEqual([`failed 1 ${errno.EINVAL}`])
  })

  it('ends all groups when the process that uses it is killed outright', async () => {
    // A stand-in for the daemon: passes our commands on, and dies without a word.
    const script = `
      const child = require('node:child_process').spawn(process.argv[1], ['--forkserver'], { stdio: ['pipe', 'inherit', 'inherit'] })
      process.stdin.pipe(child.stdin)
      process.stderr.write(child.pid + '\\n')`
    const daemon = spawn(process.execPath, ['-e', script, program], { stdio: ['pipe', 'ignore', 'pipe'] })
    const [pidLine] = await once(daemon.stderr, 'data')
    const strings = ['/', folder.at('out'), '', '0', 'sh', '-c', 'trap "" TERM; sleep 1000 & echo $$ $!; wait; wait']
    daemon.stdin.write(encodeFrame(0x56, Buffer.from([1, 0, 0, 0]), packStrings([`PATH=${process.env.PATH}`])))
    daemon.stdin.write(encodeFrame(0x52, Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]), packStrings(strings)))
    const out = (): string => (fs.existsSync(folder.at('out')) ? fs.readFileSync(folder.at('out'), 'utf8') : '')
    await until(() => out().endsWith('\n'))
    const pids = [Number(pidLine), ...out().trim().split(' ').map(Number)]
    expect(pids.map(isAlive)).toEqual([true, true, true])
    daemon.kill('SIGKILL')
    await until(() => pids.every((pid) => !isAlive(pid)))
  })

  it('that is killed itself is reported, with every run in flight', async () => {
    const { handlers, heard, pids } = listen()
    const spawner = nativeSpawner(program, undefined, handlers)
    open.push(spawner)
    spawner.define(1, packStrings([`PATH=${process.env.PATH}`]))
    const files = { stdoutPath: '', stderrPath: '' }
    spawner.run({ runId: 1, envId: 1, umask: 0o22, cwd: '/', ...files, extraEnv: [], argv: ['sleep', '1000'] })
    await until(() => heard.includes('started 1'))
    process.kill(spawner.pid, 'SIGKILL')
    await until(() => heard.includes('lost'))
    expect(heard).toEqual(['started 1', `failed 1 ${errno.EPIPE}`, 'lost'])
    spawner.run({ runId: 2, envId: 1, umask: 0o22, cwd: '/', ...files, extraEnv: [], argv: ['true'] })
    await until(() => heard.length > 3)
    expect(heard[3]).toBe(`failed 2 ${errno.EPIPE}`)
    await expect(spawner.stat!(packStrings(['/']))).rejects.toThrow()
    process.kill(-pids.get(1)!, 'SIGKILL')
  })

  it('that does not start is reported as lost', async () => {
    const { handlers, heard } = listen()
    open.push(nativeSpawner('/no/such/program', undefined, handlers))
    await until(() => heard.includes('lost'))
    expect(heard).toEqual(['lost'])
  })

  it.each([
    ['no length', Buffer.alloc(4)],
    ['a length of 4 GiB', Buffer.alloc(8, 0xff)],
    ['an unknown letter', encodeFrame(0x7a)],
    ['a run without program', encodeFrame(0x52, Buffer.alloc(12), packStrings(['/', '', '', '0']))],
    ['a run that counts too many variables', encodeFrame(0x52, Buffer.alloc(12), packStrings(['/', '', '', '9', 'a']))],
    ['paths without an end', encodeFrame(0x53, Buffer.alloc(4), 'abc')],
  ])('stops at %s, and says so', async (_, bytes) => {
    const server = spawn(program, ['--forkserver'], { stdio: ['pipe', 'ignore', 'pipe'] })
    let text = ''
    server.stderr.on('data', (chunk) => {
      text += chunk
    })
    server.stdin.write(bytes)
    await once(server, 'close')
    expect(text).toContain('makes no sense')
  })
})

describe.each(['native', 'warm'] as const)('a run that stands by in the %s spawner', (name) => {
  const start = () => {
    const ears = listen()
    const spawner = implementations[name](ears.handlers)
    open.push(spawner)
    spawner.define(1, packStrings([`PATH=${process.env.PATH}`]))
    const request = (runId: number, script: string): RunRequest => ({
      ...{ runId, envId: 1, umask: 0o22, cwd: folder.path, stdoutPath: '', stderrPath: '', extraEnv: [] },
      argv: ['sh', '-c', script],
    })
    return { ...ears, spawner, request }
  }

  it('starts when another exits with 0, and is told of together with that', async () => {
    const { spawner, request, heard, over } = start()
    spawner.run(request(1, 'while :; do sleep 0.01; done'))
    spawner.standby!(request(2, ':'))
    await obeyed(spawner)
    expect(heard).not.toContain('started 2')
    spawner.run(request(3, ':'))
    await until(() => over(2) && over(3))
    expect(heard.indexOf('started 2')).toBe(heard.indexOf('exited 3 0 0') + 1)
    spawner.kill(1, signals.SIGKILL)
  })

  it('does not when another fails, or is ended by a signal', async () => {
    const { spawner, request, heard, over } = start()
    spawner.standby!(request(2, ':'))
    spawner.run(request(1, 'exit 1'))
    spawner.run(request(3, 'kill -9 $$'))
    await until(() => over(1) && over(3))
    await obeyed(spawner)
    expect(heard).not.toContain('started 2')
    spawner.go!(2)
    await until(() => over(2))
    expect(heard.slice(-2)).toEqual(['started 2', 'exited 2 0 0'])
  })

  it('starts when told to, once', async () => {
    const { spawner, request, heard, over } = start()
    spawner.standby!(request(1, 'echo >>ran'))
    spawner.go!(9)
    spawner.go!(1)
    spawner.go!(1)
    await until(() => over(1))
    spawner.run(request(2, ':'))
    await until(() => over(2))
    expect(heard).toEqual(['started 1', 'exited 1 0 0', 'started 2', 'exited 2 0 0'])
    expect(fs.readFileSync(folder.at('ran'), 'utf8')).toBe('\n')
  })

  it('starts in its turn, where several do', async () => {
    const { spawner, request, heard, over } = start()
    for (const id of [2, 3, 5]) spawner.standby!(request(id, ':'))
    spawner.standby!(request(4, 'exit 1'))
    spawner.go!(4)
    await until(() => over(4))
    spawner.kill(3, signals.SIGKILL)
    spawner.run(request(1, ':'))
    await until(() => over(2) && over(5))
    // The end of each starts the next.
    expect(heard.filter((line) => line.startsWith('started'))).toEqual([4, 1, 2, 5].map((id) => `started ${id}`))
    expect(heard).toContain(`exited 3 -1 ${signals.SIGKILL}`)
  })

  it('is taken back by a kill, and makes room for another to stand by', async () => {
    const { spawner, request, heard, over } = start()
    spawner.standby!(request(1, 'echo >>ran'))
    spawner.kill(1, signals.SIGKILL)
    spawner.standby!(request(2, ':'))
    spawner.run(request(3, ':'))
    await until(() => over(2) && over(3))
    expect(heard[0]).toBe(`exited 1 -1 ${signals.SIGKILL}`)
    expect(heard).not.toContain('started 1')
    expect(fs.existsSync(folder.at('ran'))).toBe(false)
  })

  it('starts though its process was killed meanwhile', async () => {
    const { spawner, request, heard, over } = start()
    spawner.standby!(request(1, ':'))
    await obeyed(spawner)
    for (const pid of childrenOf(spawner.pid)) process.kill(pid, 'SIGKILL')
    await until(() => childrenOf(spawner.pid).length === 0)
    spawner.go!(1)
    await until(() => over(1))
    expect(heard).toEqual(['started 1', 'exited 1 0 0'])
  })

  it('is told of when it is to start and cannot', async () => {
    const { spawner, request, heard, over } = start()
    spawner.standby!({ ...request(2, ':'), cwd: folder.at('missing') })
    spawner.run(request(1, ':'))
    await until(() => over(1) && over(2))
    expect(heard).toContain(`failed 2 ${errno.ENOENT}`)
    expect(childrenOf(spawner.pid)).toEqual([])
  })

  it('shares no open files with a run that starts meanwhile', async () => {
    const { spawner, request, over } = start()
    spawner.run(request(1, 'ls /proc/$$/fd >alone'))
    await until(() => over(1))
    spawner.standby!(request(2, ':'))
    spawner.run(request(3, 'ls /proc/$$/fd >both'))
    await until(() => over(2) && over(3))
    const [alone, both] = ['alone', 'both'].map((file) => fs.readFileSync(folder.at(file), 'utf8'))
    expect(both).toBe(alone)
  })

  it('ends with the forkserver, be that killed', async () => {
    const { spawner, request } = start()
    spawner.standby!(request(1, 'echo >>ran'))
    await obeyed(spawner)
    const pids = childrenOf(spawner.pid)
    expect(pids).toHaveLength(name === 'warm' && warmShell !== undefined ? 1 : 0)
    process.kill(spawner.pid, 'SIGKILL')
    await until(() => !pids.some(isAlive))
    expect(fs.existsSync(folder.at('ran'))).toBe(false)
  })

  it('never starts once the spawner is closed', async () => {
    const { spawner, request } = start()
    spawner.run(request(1, 'trap "exit 0" TERM; echo >up; while :; do sleep 0.01; done'))
    await until(() => fs.existsSync(folder.at('up')))
    spawner.standby!(request(2, 'echo >>ran'))
    await spawner.close()
    expect(fs.existsSync(folder.at('ran'))).toBe(false)
  })
})

/** Whatever it was sent has been read by the time it answers. */
const obeyed = async (spawner: Spawner): Promise<void> => void (await spawner.stat!(Buffer.from('/\0')))

const childrenOf = (pid: number): readonly number[] =>
  fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)

/** A run in no folder of ours, whose files are /dev/null. */
const bare = { runId: 1, envId: 1, umask: 0o22, cwd: '/', stdoutPath: '', stderrPath: '', extraEnv: [] }

describe('a run that lacks what the system will have later', () => {
  const request: RunRequest = { ...bare, argv: ['x'] }

  it('is tried again, more and more slowly, and never fails', async () => {
    const { handlers, heard } = listen()
    let attempts = 0
    const retries: Retries = new Retries(handlers, (again) => {
      if (++attempts < 3) retries.onFailed(again, errno.EAGAIN, 'fork')
    })
    retries.onFailed(request, errno.EMFILE, 'pipe')
    await until(() => attempts === 3)
    expect(heard).toEqual([
      `retrying 1 ${errno.EMFILE} 10`,
      `retrying 1 ${errno.EAGAIN} 20`,
      `retrying 1 ${errno.EAGAIN} 40`,
    ])
  })

  it('may be given up while it waits', () => {
    const { handlers, heard } = listen()
    const retries = new Retries(handlers, () => heard.push('again'))
    retries.onFailed(request, errno.ENOMEM, 'fork')
    expect(retries.cancel(1)).toBe(true)
    expect(retries.cancel(1)).toBe(false)
    expect(heard).toEqual([`retrying 1 ${errno.ENOMEM} 10`])
  })

  it('fails at once for any other reason', () => {
    const { handlers, heard } = listen()
    new Retries(handlers, () => heard.push('again')).onFailed(request, errno.EACCES, 'exec')
    expect(heard).toEqual([`failed 1 ${errno.EACCES}`])
  })

  it.skipIf(process.platform !== 'linux')('waits in earnest for a descriptor to be free', async () => {
    const { handlers, heard, over } = listen()
    // The forkserver itself needs these five: standard files and the pipe that wakes it. A start needs another pipe.
    const narrow = folder.at('narrow')
    fs.writeFileSync(narrow, `#!/bin/sh\nulimit -S -n 5\nexec '${program}' "$@"\n`, { mode: 0o755 })
    const spawner = nativeSpawner(narrow, undefined, handlers)
    open.push(spawner)
    spawner.define(1, packStrings([`PATH=${process.env.PATH}`]))
    spawner.run({ ...bare, argv: ['true'] })
    await until(() => heard.length >= 2)
    expect(heard.slice(0, 2)).toEqual([`retrying 1 ${errno.EMFILE} 10`, `retrying 1 ${errno.EMFILE} 20`])
    const { status } = await raiseLimit(spawner.pid)
    if (status === 0) {
      await until(() => over(1))
      expect(heard).toContain('exited 1 0 0')
    } else {
      spawner.kill(1, signals.SIGTERM)
      await until(() => over(1))
      expect(heard).toContain(`exited 1 -1 ${signals.SIGTERM}`)
    }
  })
})

/** Linux can change the limits of another process; where the tool for it is missing, the status says so. */
const raiseLimit = async (pid: number): Promise<{ status: number | null }> => {
  const tool = spawn('prlimit', ['--pid', String(pid), '--nofile=64:'], { stdio: 'ignore' })
  return new Promise((resolve) => {
    tool.on('error', () => resolve({ status: null }))
    tool.on('exit', (status) => resolve({ status }))
  })
}

describe('bulk stat', () => {
  /** Every kind of path there is, some with odd bytes. */
  const makePaths = (): string[] => {
    const odd = 'b\xff \t-\xe9'
    fs.writeFileSync(folder.at('file'), 'some text')
    fs.writeFileSync(Buffer.from(folder.at(odd), 'latin1'), 'x')
    fs.mkdirSync(folder.at('folder'))
    const links = { 'to-file': 'file', 'to-folder': 'folder', dangling: 'nowhere', loop: 'loop', long: 'to-file' }
    for (const [name, end] of Object.entries(links)) fs.symlinkSync(end, folder.at(name))
    for (const [name, time] of [
      ['old', -1.5],
      ['epoch', 0],
      ['future', 9_000_000_000],
    ] as const) {
      fs.writeFileSync(folder.at(name), '')
      fs.utimesSync(folder.at(name), time, time)
    }
    fs.truncateSync(folder.at('future'), 5 * 2 ** 32 + 17)
    const names = [
      'file',
      odd,
      'folder',
      ...Object.keys(links),
      'old',
      'epoch',
      'future',
      'absent',
      'file/below',
      'folder/',
    ]
    return ['/', '/dev/null', '', 'relative', `/${'n'.repeat(300)}`, ...names.map(folder.at)]
  }
  const expected = (paths: readonly string[]): number[] =>
    paths.flatMap((path) => {
      const { kind, errno: code, stat0, stat1 } = look(path)
      return [kind, code, stat0, stat1]
    })

  it('sees exactly what look sees', async () => {
    const paths = makePaths()
    const { handlers } = listen()
    const spawner = nativeSpawner(program, undefined, handlers)
    open.push(spawner)
    expect([...(await spawner.stat!(packStrings(paths)))]).toEqual(expected(paths))
    expect([...statAllSync(program, packStrings(paths))]).toEqual(expected(paths))
  })

  it('keeps the order over many paths, on two threads and in several pieces', async () => {
    const some = makePaths()
    const paths = Array.from({ length: 40_001 }, (_, i) => some[i % some.length]!)
    const { handlers } = listen()
    const spawner = nativeSpawner(program, undefined, handlers)
    open.push(spawner)
    const unit = expected(some)
    const all = Int32Array.from({ length: paths.length * 4 }, (_, i) => unit[i % unit.length]!)
    const packed = packStrings(paths)
    expect(statPieces(packed).length).toBeGreaterThan(1)
    expect(Buffer.concat(statPieces(packed)).equals(packed)).toBe(true)
    const [first, second] = await Promise.all([spawner.stat!(packed), spawner.stat!(packStrings(['/', 'absent']))])
    expect(first).toEqual(all)
    expect([...second]).toEqual(expected(['/', 'absent']))
    expect(statAllSync(program, packed)).toEqual(all)
  })

  it('of no paths is empty', async () => {
    const { handlers } = listen()
    const spawner = nativeSpawner(program, undefined, handlers)
    open.push(spawner)
    expect(await spawner.stat!(Buffer.alloc(0))).toEqual(new Int32Array(0))
    expect(statAllSync(program, Buffer.alloc(0))).toEqual(new Int32Array(0))
  })
})

describe.runIf(process.platform === 'linux')('the warm shell', () => {
  /** What a do-file of one line, `a b.do`, says. */
  const say = async (line: string, extraEnv: readonly string[] = [], argv0 = 'sh'): Promise<string> => {
    const { handlers, over } = listen()
    const spawner = nativeSpawner(program, warmShell, handlers)
    open.push(spawner)
    fs.writeFileSync(folder.at('a b.do'), `${line}\n`)
    spawner.define(1, packStrings([`PATH=${folder.path}:${process.env.PATH}`, 'COLOUR=red']))
    const files = { stdoutPath: folder.at('out'), stderrPath: folder.at('err') }
    const argv = [argv0, '-e', 'a b.do', 'x', 'y z']
    spawner.run({ runId: 1, envId: 1, umask: 0o22, cwd: folder.path, ...files, extraEnv, argv })
    await until(() => over(1))
    return fs.readFileSync(folder.at('out'), 'latin1') + fs.readFileSync(folder.at('err'), 'latin1')
  }
  const isExec = 'tr "\\0" "\\n" </proc/$$/environ | grep -c ^COLOUR= || :'

  it('is there, and forks where another would start a program', async () => {
    expect(warmShell).toBeDefined()
    // The kernel shows the environment that a process was started with: the forkserver's, in a fork.
    expect(await say(isExec)).toBe('0\n')
  })

  it('gives the do-file its name, arguments, environment and files, and nothing else', async () => {
    expect(await say('echo "$0|$1|$2|$#|$-|$COLOUR|$LD_PRELOAD"')).toMatch(/^a b\.do\|x\|y z\|2\|e[^|]*\|red\|\n$/)
    // No pipe, whose ends the shell would hold for a moment. Above 2 there is the do-file.
    expect(await say('ls /proc/$$/fd')).toMatch(/^0\n1\n1\d\n2\n$/)
    expect(await say('grep -E "Sig(Blk|Ign)" /proc/$$/status | tr -d "\\t\\n"')).toMatch(/^SigBlk:0+SigIgn:0+$/)
    expect(await say('ps -o args= -p $$')).toBe('sh -e a b.do x y z\n')
    expect(await say('nonsense-command')).toMatch(/a b\.do: (line )?1: nonsense-command: .*not found/)
  })

  it('is a fork only of the shell that PATH leads to, and that was not to be started in a special way', async () => {
    expect(await say(isExec, [], '/bin/sh')).toBe('0\n')
    expect(await say(isExec, ['LD_BIND_NOW=1'])).toBe('1\n')
    fs.writeFileSync(folder.at('sh'), '#!/bin/sh\necho mine "$@"\n')
    fs.chmodSync(folder.at('sh'), 0o700)
    expect(await say(isExec)).toBe('mine -e a b.do x y z\n')
  })
})
