import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import * as E from 'fp-ts/lib/Either.js'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type ClientFiles, Input, readsInput, runClient } from '../../src/redo/client.js'
import { type Native, packageVersion } from '../../src/redo/native.js'
import { type ClientMessage, encodeFrame, FRAME_SIZE_MAX } from '../../src/redo/protocol.js'
import { until, useFolder } from '../support/folder.js'
import { useNative } from '../support/native.js'
import { type Connection, type StandIn, standIn } from '../support/stand-in.js'

const folder = useFolder()

/** The C client is linked with our own few functions where that is possible, and with the system's library elsewhere. */
type Linked = 'own' | 'libc'

const native = useNative()
let natives: Readonly<Record<Linked, Native>>
beforeAll(() => {
  natives = { own: native(), libc: native('libc') }
})

let servers: StandIn[] = []
const children: ChildProcess[] = []
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()))
  for (const child of children.splice(0)) child.kill('SIGKILL')
  servers = []
})

/** A daemon in `root` (the test's folder unless told) that answers complete requests by `answer`. */
const serve = async (answer: (connection: Connection, message: ClientMessage) => void, root = folder.path) => {
  const server = await standIn(root, (message, connection) => {
    if (message._tag === 'go' || message._tag === 'signal') answer(connection, message)
  })
  servers.push(server)
  return server
}

interface Question {
  readonly command?: string
  readonly args?: readonly string[]
  /** Below the root, and its name in $PWD. */
  readonly cwd?: string
  readonly root?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string | Buffer
  /** Called as soon as the client runs, with a way to send it a signal. */
  readonly during?: (signal: (name: NodeJS.Signals) => void) => void
}

interface Answer {
  readonly stdout: string
  readonly stderr: string
  /** Exit code, or what the caller must do about it: the failure's tag, for C what is called in its place. */
  readonly end: number | string
}

type Asks = (question: Question) => Promise<Answer>

const askNative = async (
  linked: Linked,
  { command = 'redo-ifchange', args = [], cwd = folder.path, root, env, input, during }: Question,
): Promise<Answer> => {
  const node = folder.at('stand-in-node')
  fs.writeFileSync(node, '#!/bin/sh\nprintf "fallback"; for word; do printf " %s" "$word"; done\npwd >&2\ncat >&2\n')
  fs.chmodSync(node, 0o755)
  const child = spawn(join(natives[linked].binFolder, command), args, {
    cwd,
    env: {
      PATH: process.env.PATH,
      REDFORD_NODE: node,
      REDFORD_MAIN: 'main.js',
      ...(root && { REDFORD_ROOT: root }),
      ...env,
    },
  })
  children.push(child)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('latin1').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('latin1').on('data', (text) => {
    stderr += text
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')
  during?.((name) => void child.kill(name))
  const end = await new Promise<number | string>((resolve) =>
    child.on('close', (code, signal) => resolve(code ?? String(signal))),
  )
  return stdout.startsWith('fallback') ? { stdout: '', stderr, end: stdout } : { stdout, stderr, end }
}

/** A stream that keeps what is written to it. */
const listener = <T extends object>(more: T) => {
  const stream = new PassThrough()
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return Object.assign(stream, { text: () => Buffer.concat(chunks).toString('latin1'), ...more })
}

const askJavaScript: Asks = async ({ command = 'redo-ifchange', args = [], cwd, root, env, input, during }) => {
  const [stdout, stderr, stdin] = [listener({}), listener({}), new PassThrough()]
  stdin.end(input ?? '')
  const files: ClientFiles = { stdout, stderr, isInputTty: false, stderrFile: '1:2' }
  const request = {
    root: root ?? folder.path,
    command,
    args,
    cwd: cwd ?? folder.path,
    environment: Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`),
    umask: process.umask(),
    input: readsInput(command, args) ? new Input(stdin) : undefined,
  }
  const running = runClient(request, files)
  during?.((name) => void process.emit(name, name))
  const result = await running
  return { stdout: stdout.text(), stderr: stderr.text(), end: E.isRight(result) ? result.right : result.left._tag }
}

const ofTag = <T extends ClientMessage['_tag']>(heard: readonly ClientMessage[], tag: T) =>
  heard.filter((message): message is Extract<ClientMessage, { _tag: T }> => message._tag === tag)

const exit = (code: number) => ({ _tag: 'exit', code }) as const
const data = (text: string | Buffer): Buffer => Buffer.from(text as string, 'latin1')

describe.each([
  ['C', '', (question) => askNative('own', question)],
  ['C', ' (with libc)', (question) => askNative('libc', question)],
  ['JavaScript', '', askJavaScript],
] satisfies [string, string, Asks][])('the %s client%s', (language, _, ask) => {
  const fallback = (tag: string, rest: string): string => (language === 'C' ? `fallback main.js ${rest}` : tag)

  it('introduces itself and asks in one go', async () => {
    const server = await serve((connection) => connection.say(exit(0)))
    const env = { REDFORD_TOKEN: '', COLOUR: 'red', NO_COLOR: '1' }
    const answer = await ask({ command: 'redo', args: ['-j', '4', 'a b', ''], env })
    expect(answer).toEqual({ stdout: '', stderr: '', end: 0 })
    const heard = server.connections[0]!.heard
    expect(heard.map(({ _tag }) => _tag)).toEqual(['hello', 'environment', 'arguments', 'go'])
    expect(heard[0]).toMatchObject({
      protocol: '2',
      version: packageVersion,
      command: 'redo',
      cwd: folder.path,
      token: '',
      stdoutTty: false,
      stderrTty: false,
      stdinTty: false,
      columns: 0,
      noColor: true,
      stderrFile: expect.stringMatching(/^\d+:\d+$/),
      umask: process.umask(),
    })
    expect(ofTag(heard, 'environment')[0]!.variables).toContain('COLOUR=red')
    expect(ofTag(heard, 'arguments')[0]!.args).toEqual(['-j', '4', 'a b', ''])
  })

  it('names the run it belongs to, and keeps the environment to itself then', async () => {
    const server = await serve((connection) => connection.say(exit(0)))
    await ask({ env: { REDFORD_TOKEN: 'secret', NO_COLOR: '' } })
    const heard = server.connections[0]!.heard
    expect(heard.map(({ _tag }) => _tag)).toEqual(['hello', 'go'])
    expect(heard[0]).toMatchObject({ token: 'secret', noColor: false })
  })

  it('prints what the daemon says, byte for byte, and ends with its code', async () => {
    const large = Buffer.alloc(3_000_000, 'some bytes \xff\xfe\n', 'latin1')
    await serve((connection) =>
      connection.say(
        { _tag: 'stdout', data: data('one \xe9\n') },
        { _tag: 'stderr', data: data('two\n') },
        { _tag: 'status', text: 'never drawn where there is no terminal' },
        { _tag: 'stdout', data: large },
        { _tag: 'stdout', data: data('') },
        exit(206),
      ),
    )
    const answer = await ask({})
    expect(answer.end).toBe(206)
    expect(answer.stderr).toBe('two\n')
    expect(answer.stdout === `one \xe9\n${large.toString('latin1')}`).toBe(true)
  })

  it('understands frames that come byte by byte', async () => {
    await serve((connection) => {
      const bytes = Buffer.concat([encodeFrame(0x4f, 'out'), encodeFrame(0x54, 'x'), encodeFrame(0x58, Buffer.of(9))])
      let at = 0
      const next = (): void => {
        connection.sayRaw(bytes.subarray(at, ++at))
        if (at < bytes.length) setImmediate(next)
      }
      next()
    })
    expect(await ask({})).toEqual({ stdout: 'out', stderr: '', end: 9 })
  })

  it('asks for 100,000 targets named on standard input', async () => {
    const server = await serve((connection) => connection.say(exit(0)))
    const input = Array.from({ length: 100_000 }, (_, i) => `folder/target-${i}\n`).join('')
    expect((await ask({ args: ['-'], input })).end).toBe(0)
    const heard = server.connections[0]!.heard
    expect(heard.at(-1)).toEqual({ _tag: 'go' })
    const sent = Buffer.concat(ofTag(heard, 'input').map((message) => message.data))
    expect(sent.toString() === input).toBe(true)
  })

  it('sends standard input of redo-stamp, and of no other command', async () => {
    const server = await serve((connection) => connection.say(exit(0)))
    await ask({ command: 'redo-stamp', input: 'x\0\xff' })
    await ask({ command: 'redo-ifchange', args: ['a'], input: 'not read' })
    const [stamp, other] = server.connections.map(({ heard }) => ofTag(heard, 'input').map((message) => message.data))
    expect(Buffer.concat(stamp!)).toEqual(Buffer.from('x\0\xff'))
    expect(other).toEqual([])
  })

  it('stops reading its input when the daemon has its answer', async () => {
    const server = await standIn(folder.path, (message, connection) => {
      if (message._tag === 'arguments') connection.say(exit(2))
    })
    servers.push(server)
    expect((await ask({ args: ['-', '--bad'], input: 'x' })).end).toBe(2)
  })

  it('works in a folder whose name is longer than that of a socket may be', async () => {
    const root = folder.at(`${'long'.repeat(40)}/${'name'.repeat(40)}`)
    const server = await serve((connection) => connection.say(exit(0)), root)
    fs.mkdirSync(join(root, 'sub'))
    const before = process.cwd()
    expect((await ask({ root, cwd: join(root, 'sub') })).end).toBe(0)
    expect(process.cwd()).toBe(before)
    expect(server.connections[0]!.heard[0]).toMatchObject({ cwd: join(root, 'sub') })
  })

  it('passes a signal on and waits for the answer', async () => {
    const signals: number[] = []
    let send: (name: NodeJS.Signals) => void = () => {}
    await serve((connection, message) => {
      if (message._tag === 'go') return send('SIGTERM')
      if (message._tag === 'signal') signals.push(message.signal)
      connection.say({ _tag: 'stderr', data: data('stopping\n') }, exit(143))
    })
    const answer = await ask({
      during: (signal) => {
        send = signal
      },
    })
    expect(answer).toEqual({ stdout: '', stderr: 'stopping\n', end: 143 })
    expect(signals).toEqual([constants.signals.SIGTERM])
  })

  it('ends at the second signal, whatever the daemon does', async () => {
    let send: (name: NodeJS.Signals) => void = () => {}
    await serve((_, message) => send(message._tag === 'go' ? 'SIGINT' : 'SIGHUP'))
    const answer = await ask({
      during: (signal) => {
        send = signal
      },
    })
    expect(answer.end).toBe(128 + constants.signals.SIGHUP)
  })

  it('goes another way when no daemon listens', async () => {
    fs.mkdirSync(folder.at('.redford'))
    expect((await ask({ args: ['a b', 'c'] })).end).toBe(fallback('noDaemon', 'redo-ifchange a b c'))
    // A socket left over by a daemon that was killed.
    const dead = 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))'
    expect(() => execFileSync(process.execPath, ['-e', dead, folder.at('.redford/socket')])).toThrow()
    expect(fs.lstatSync(folder.at('.redford/socket')).isSocket()).toBe(true)
    expect((await ask({ args: ['x'] })).end).toBe(fallback('noDaemon', 'redo-ifchange x'))
  })

  it('trusts nothing but a socket of its own user', async () => {
    fs.mkdirSync(folder.at('.redford'))
    fs.writeFileSync(folder.at('.redford/socket'), '')
    expect((await ask({ args: ['x'] })).end).toBe(fallback('notOurs', 'redo-ifchange x'))
  })

  it.skipIf(process.getuid?.() !== 0)("goes past another user's socket", async () => {
    const server = await serve((connection) => connection.say(exit(0)))
    fs.lchownSync(folder.at('.redford/socket'), 65534, 65534)
    expect((await ask({ args: ['x'] })).end).toBe(fallback('notOurs', 'redo-ifchange x'))
    expect(server.connections).toEqual([])
  })

  it('goes another way when the daemon says so', async () => {
    await serve((connection) => connection.say({ _tag: 'notMine' }))
    expect((await ask({ args: ['x'] })).end).toBe(fallback('notMine', 'redo-ifchange x'))
  })

  it('goes another way when the daemon hangs up without a word', async () => {
    await serve((connection) => connection.hangUp())
    expect((await ask({ args: ['x'] })).end).toBe(fallback('lost', 'redo-ifchange x'))
  })

  it.each([
    ['no length', Buffer.alloc(5)],
    ['a length over the limit', Buffer.concat([Buffer.from([1, 0, 0, 1]), Buffer.alloc(20)])],
    ['an unknown letter', encodeFrame(0x7a, 'x')],
    ['an exit without code', encodeFrame(0x58)],
  ])('ends when the daemon sends %s', async (_, bytes) => {
    expect(FRAME_SIZE_MAX).toBe(0x1000000)
    await serve((connection) => connection.sayRaw(bytes))
    const answer = await ask({})
    expect(answer.end).toBe(language === 'C' ? 205 : 'garbled')
    if (language === 'C') expect(answer.stderr).toBe('redo-ifchange: the daemon said something that makes no sense\n')
  })

  it('ends when the daemon dies in the middle', async () => {
    await serve((connection) => {
      connection.say({ _tag: 'stdout', data: data('begun\n') })
      setTimeout(() => connection.hangUp(), 20)
    })
    const answer = await ask({})
    expect(answer.end).toBe(language === 'C' ? 205 : 'lost')
    expect(answer.stdout).toBe('begun\n')
    if (language === 'C') expect(answer.stderr).toMatch(/run the command again \(205\)\n$/)
  })
})

describe.each(['own', 'libc'] as const)('the C client, linked with %s', (linked) => {
  const ask: Asks = (question) => askNative(linked, question)

  /** Runs a shell script in which `$C` is the client. */
  const shell = async (script: string, env: Record<string, string> = {}) => {
    const more = { C: join(natives[linked].binFolder, 'redo-ifchange'), PATH: process.env.PATH!, ...env }
    const child = spawn('sh', ['-c', script], { cwd: folder.path, env: more, stdio: ['ignore', 'pipe', 'pipe'] })
    children.push(child)
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('latin1').on('data', (text) => {
      stdout += text
    })
    child.stderr.setEncoding('latin1').on('data', (text) => {
      stderr += text
    })
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
    return { code, stdout, stderr }
  }

  it('finds the root above the real folder, and tells the name the shell knows', async () => {
    const server = await serve((connection) => connection.say(exit(0)))
    fs.mkdirSync(folder.at('deep/er'), { recursive: true })
    fs.symlinkSync('deep/er', folder.at('link'))
    expect((await shell('cd deep/er && $C x')).code).toBe(0)
    expect((await shell('cd link && $C x')).code).toBe(0)
    expect((await shell('cd link && PWD=/tmp $C x')).code).toBe(0)
    expect((await shell('cd link && PWD=../link $C x')).code).toBe(0)
    const names = server.connections.map(({ heard }) => (heard[0]?._tag === 'hello' ? heard[0].cwd : ''))
    expect(names).toEqual(['deep/er', 'link', 'deep/er', 'deep/er'].map(folder.at))
  })

  it.skipIf(process.platform !== 'linux')(
    'works in a folder whose name is longer than the kernel can tell',
    async () => {
      const server = await serve((connection) => connection.say(exit(0)))
      const name = 'n'.repeat(240)
      const enter = `i=0; while [ $i -lt 20 ]; do mkdir ${name}; cd -P ${name}; i=$((i+1)); done`
      // Only rm can remove it again.
      const { code } = await shell(`(${enter}; unset PWD; "$C" x); code=$?; rm -rf ${name}; exit $code`)
      expect(code).toBe(0)
      expect(server.connections[0]!.heard[0]).toMatchObject({ cwd: folder.path + `/${name}`.repeat(20) })
    },
  )

  it('prefers the nearest root, and the one it is told', async () => {
    const outer = await serve((connection) => connection.say(exit(1)))
    const inner = await serve((connection) => connection.say(exit(2)), folder.at('inner'))
    expect((await shell('cd inner && $C x')).code).toBe(2)
    expect((await shell('cd inner && $C x', { REDFORD_ROOT: folder.path })).code).toBe(1)
    expect([outer, inner].map(({ connections }) => connections.length)).toEqual([1, 1])
  })

  it('sends arguments, variables and folders of any bytes', async () => {
    const odd = 'caf\xe9 \xff'
    const root = folder.at(odd)
    const server = await serve((connection) => connection.say(exit(0)), root)
    const script = `w=$(printf '%b' 'caf\\0351 \\0377'); cd "$w" && ODD="$w" "$C" "$w" -- "-$w"`
    expect(await shell(script)).toEqual({ code: 0, stdout: '', stderr: '' })
    const heard = server.connections[0]!.heard
    expect(heard[0]).toMatchObject({ cwd: root })
    expect(ofTag(heard, 'environment')[0]!.variables).toContain(`ODD=${odd}`)
    expect(ofTag(heard, 'arguments')[0]!.args).toEqual([odd, '--', `-${odd}`])
  })

  it('sends long lists in several frames', async () => {
    const server = await serve((connection) => connection.say(exit(0)))
    const args = Array.from({ length: 15_000 }, (_, i) => `${i}-${'x'.repeat(80)}`)
    const env = { HALF: 'y'.repeat(120_000) }
    expect((await ask({ args, env })).end).toBe(0)
    const heard = server.connections[0]!.heard
    const frames = ofTag(heard, 'arguments').map((message) => message.args)
    expect(frames.length).toBe(2)
    expect(frames.flat()).toEqual(args)
    expect(frames[0]!.reduce((size, arg) => size + arg.length + 1, 0)).toBeLessThanOrEqual(1024 * 1024)
    expect(ofTag(heard, 'environment').flatMap((message) => message.variables)).toContain(`HALF=${env.HALF}`)
  })

  it('works with all other descriptors closed, and even the standard ones', async () => {
    await serve((connection) => connection.say({ _tag: 'stdout', data: data('out') }, exit(7)))
    expect(await shell('exec 3>&- 4>&- 5>&- 9>&-; $C x')).toMatchObject({ code: 7, stdout: 'out' })
    expect((await shell('$C x <&- >&- 2>&-')).code).toBe(7)
  })

  it('ends quietly when nobody reads its output', async () => {
    const line = Buffer.from('line\n'.repeat(100_000))
    await serve((connection) => connection.say({ _tag: 'stdout', data: line }, exit(0)))
    expect(await shell('{ $C x; echo $? >code; } | head -1')).toEqual({ code: 0, stdout: 'line\n', stderr: '' })
    expect(fs.readFileSync(folder.at('code'), 'utf8')).toBe('141\n')
  })

  it.skipIf(process.platform !== 'linux')('tells of an output that cannot be written', async () => {
    await serve((connection) => connection.say({ _tag: 'stdout', data: data('out') }, exit(0)))
    const { code, stderr } = await shell('$C x >/dev/full')
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/: not all could be written to standard output: No space left/),
    ])
  })

  it('hands over with its own name, its folder and all it has read', async () => {
    const server = await serve((connection) => connection.say({ _tag: 'notMine' }))
    const input = 'x'.repeat(300_000)
    fs.mkdirSync(folder.at('sub'))
    const answer = await ask({ command: 'redo-stamp', cwd: folder.at('sub'), input })
    expect(answer.end).toBe('fallback main.js redo-stamp')
    expect(answer.stderr === `${folder.at('sub')}\n${input}`).toBe(true)
    expect(server.connections.length).toBe(1)
  })

  it('does not hand over what it could not keep', async () => {
    await serve((connection) => connection.say({ _tag: 'notMine' }))
    const keeps = await ask({ command: 'redo-stamp', input: Buffer.alloc(FRAME_SIZE_MAX, 'k') })
    expect(keeps.end).toBe('fallback main.js redo-stamp')
    expect(keeps.stderr.length).toBe(FRAME_SIZE_MAX + `${folder.path}\n`.length)
    expect(await ask({ command: 'redo-stamp', input: Buffer.alloc(FRAME_SIZE_MAX + 1) })).toEqual({
      stdout: '',
      stderr: 'redo-stamp: the daemon does not serve this request: and its standard input is spent\n',
      end: 205,
    })
  })

  it('finds node in PATH, as a shell does', async () => {
    for (const name of ['first', 'second', 'third']) fs.mkdirSync(folder.at(name))
    fs.writeFileSync(folder.at('first/some-node'), 'no program', { mode: 0o644 })
    fs.writeFileSync(folder.at('second/some-node'), '#!/bin/sh\necho "second $*"\n', { mode: 0o755 })
    fs.writeFileSync(folder.at('third/some-node'), 'echo "third $*"\n', { mode: 0o755 })
    const found = (searched: string) =>
      shell('PATH=$SEARCHED; "$C" x "y z"', { SEARCHED: searched, REDFORD_NODE: 'some-node', REDFORD_MAIN: 'main.js' })
    const path = (...names: readonly string[]): string => names.map(folder.at).join(':')
    expect(await found(path('none', 'first', 'second', 'third'))).toMatchObject({
      stdout: 'second main.js redo-ifchange x y z\n',
    })
    // Without a #! line it is the shell's.
    expect(await found(path('third', 'second'))).toMatchObject({ stdout: 'third main.js redo-ifchange x y z\n' })
    const complaint = (why: string) => ({ code: 205, stdout: '', stderr: `redo-ifchange: some-node: ${why}\n` })
    expect(await found(path('none'))).toEqual(complaint('No such file or directory'))
    expect(await found(path('first', 'none'))).toEqual(complaint('Permission denied'))
  })

  it.each(['--no-daemon', '--help', '--version'])('leaves %s to the other', async (option) => {
    const server = await serve((connection) => connection.say(exit(0)))
    expect((await ask({ args: ['x', option] })).end).toBe(`fallback main.js redo-ifchange x ${option}`)
    expect((await ask({ args: ['--', option] })).end).toBe(0)
    expect(server.connections.length).toBe(1)
  })

  it('says in one line that there is no other way', async () => {
    expect(await shell('$C x')).toEqual({
      code: 205,
      stdout: '',
      stderr:
        'redo-ifchange: no daemon is running here: and REDFORD_NODE and REDFORD_MAIN do not say how to start one\n',
    })
  })

  it('leaves a signal alone that its caller ignores', async () => {
    const server = await serve(() => {})
    const running = shell('trap "" INT; echo $$; exec $C x')
    await until(() => server.connections[0]?.heard.at(-1)?._tag === 'go')
    const pid = children.at(-1)!.pid!
    process.kill(pid, 'SIGINT')
    process.kill(pid, 'SIGINT')
    process.kill(pid, 'SIGTERM')
    await until(() => server.connections[0]!.heard.at(-1)?._tag === 'signal')
    expect(ofTag(server.connections[0]!.heard, 'signal')).toEqual([
      { _tag: 'signal', signal: constants.signals.SIGTERM },
    ])
    server.connections[0]!.say(exit(3))
    expect((await running).code).toBe(3)
  })

  const hasScript = fs.existsSync('/usr/bin/script') && process.platform === 'linux'
  it.skipIf(!hasScript)('draws the live line on a terminal, and erases it for everything else', async () => {
    const server = await serve((connection) =>
      connection.say(
        { _tag: 'status', text: '1 of 3' },
        { _tag: 'status', text: '2 of 3' },
        { _tag: 'stderr', data: data('a line') },
        { _tag: 'status', text: '3 of 3' },
        { _tag: 'status', text: '' },
        { _tag: 'status', text: 'last' },
        exit(0),
      ),
    )
    const { stdout } = await shell(`script -qec 'stty cols 97; "$C" x' /dev/null`)
    const erase = '\r\x1b[K'
    const drawn = `${erase}1 of 3${erase}2 of 3${erase}a line${erase}3 of 3${erase}${erase}last${erase}`
    expect(stdout).toBe(drawn)
    expect(server.connections[0]!.heard[0]).toMatchObject({
      stdoutTty: true,
      stderrTty: true,
      stdinTty: true,
      columns: 97,
    })
  })

  it('tells which file its standard error is', async () => {
    const server = await serve((connection) => connection.say(exit(0)))
    expect((await shell('"$C" x 2>file')).code).toBe(0)
    const { dev, ino } = fs.statSync(folder.at('file'), { bigint: true })
    expect(server.connections[0]!.heard[0]).toMatchObject({ stderrFile: `${dev}:${ino}` })
  })
})

describe('the JavaScript client', () => {
  const filesWith = (more: Partial<{ isTTY: boolean; columns: number }>) => {
    const [stdout, stderr] = [listener({}), listener(more)]
    return { files: { stdout, stderr, isInputTty: true, stderrFile: '1:2' }, stdout, stderr }
  }
  const request = (root: string, input?: Input) => ({
    root,
    command: 'redo',
    args: ['-'],
    cwd: root,
    environment: ['A=b'],
    umask: 0o22,
    input,
  })

  it('draws the live line on a terminal, and erases it for everything else', async () => {
    const server = await serve((connection) =>
      connection.say(
        { _tag: 'status', text: 'caf\xc3\xa9' },
        { _tag: 'stdout', data: data('out') },
        { _tag: 'status', text: 'last' },
        exit(0),
      ),
    )
    const { files, stderr } = filesWith({ isTTY: true, columns: 99 })
    expect(await runClient(request(folder.path), files)).toEqual(E.right(0))
    const erase = '\r\x1b[K'
    expect(stderr.text()).toBe(`${erase}caf\xc3\xa9${erase}${erase}last${erase}`)
    expect(server.connections[0]!.heard[0]).toMatchObject({ stderrTty: true, stdinTty: true, columns: 99 })
  })

  it('leaves no more behind on the standard files when it asks often', async () => {
    await serve((connection) => connection.say({ _tag: 'notMine' }))
    const { files, stdout, stderr } = filesWith({})
    const counts = async (): Promise<readonly number[]> => {
      await runClient(request(folder.path), files)
      return [stdout, stderr].map((stream) => stream.listenerCount('error'))
    }
    expect(await counts()).toEqual(await counts())
  })

  it('can ask a second daemon with the same input', async () => {
    let refuses = true
    const server = await serve((connection) => connection.say(refuses ? { _tag: 'notMine' } : exit(0)))
    const stdin = new PassThrough()
    const input = new Input(stdin)
    stdin.write('first ')
    setTimeout(() => stdin.end('second'), 5)
    const { files } = filesWith({})
    expect(await runClient(request(folder.path, input), files)).toEqual(E.left({ _tag: 'notMine' }))
    refuses = false
    expect(await runClient(request(folder.path, input), files)).toEqual(E.right(0))
    const sent = server.connections.map(({ heard }) =>
      Buffer.concat(ofTag(heard, 'input').map((message) => message.data)).toString(),
    )
    expect(sent).toEqual(['first second', 'first second'])
    expect(input.isSpent).toBe(false)
  })

  it('knows when its input cannot be read again', async () => {
    await serve((connection) => connection.say(exit(0)))
    const stdin = new PassThrough()
    stdin.end(Buffer.alloc(FRAME_SIZE_MAX + 1))
    const input = new Input(stdin)
    expect(await runClient(request(folder.path, input), filesWith({}).files)).toEqual(E.right(0))
    expect(input.isSpent).toBe(true)
  })

  it('ends as by SIGPIPE when its output is closed', async () => {
    await serve((connection) => connection.say({ _tag: 'stdout', data: data('x') }))
    const { files, stdout } = filesWith({})
    stdout.write = () => {
      stdout.emit('error', Object.assign(new Error('closed'), { code: 'EPIPE' }))
      return false
    }
    expect(await runClient(request(folder.path), files)).toEqual(E.right(141))
  })

  it.skipIf(process.platform !== 'linux')('reaches a root whose name is no UTF-8', async () => {
    const root = folder.at('caf\xe9')
    await serve((connection) => connection.say(exit(4)), root)
    expect(await runClient(request(root), filesWith({}).files)).toEqual(E.right(4))
  })

  it('leaves no listener behind', async () => {
    await serve((connection) => connection.say(exit(0)))
    const before = process.listenerCount('SIGINT')
    await runClient(request(folder.path), filesWith({}).files)
    expect(process.listenerCount('SIGINT')).toBe(before)
  })
})
