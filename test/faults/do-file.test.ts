/** Faults 3, 4, 18 and 19: do-files that die, outlive the daemon, write where they should not, or leave children behind. */
import * as fs from 'node:fs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { killSession } from '../../src/redo/leftovers.js'
import { canMount } from '../support/mount.js'
import { childrenOf, commandLineOf, hasProc, isAlive } from '../support/processes.js'
import { closeSpaces, noted, type Space, space, until, waitsFor } from '../support/space.js'

afterEach(closeSpaces)

const leftovers = (s: Space): readonly string[] =>
  s.exists('.redford/tmp') ? fs.readdirSync(`${s.root}/.redford/tmp`) : []

test.each([
  ['stdout', 'echo half; kill -9 $$'],
  ['$3', 'echo half >"$3"; kill -9 $$'],
  ['a folder in $3', 'mkdir "$3"; echo half >"$3/file"; kill -9 $$'],
])('a do-file killed after it wrote half to %s leaves the target, and no temporary file', async (_, dying) => {
  const s = space({ 'x.do': 'echo old\n' })
  await s.redo('x')
  const before = s.list()
  s.write('x.do', `${dying}\n`)
  const result = await s.ifchange('x')
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/x: failed.*SIGKILL/)
  expect([s.read('x'), s.list(), leftovers(s)]).toEqual(['old\n', before, []])
  s.write('x.do', 'echo new\n')
  expect((await s.ifchange('x')).code).toBe(0)
  expect(s.read('x')).toBe('new\n')
})

test('two outputs or a written $1 break the build and nothing else (207, 206)', async () => {
  const s = space({
    both: '',
    'x.do': 'redo-ifchange y direct good\n',
    'y.do': 'echo old\n',
    'direct.do': 'echo old\n',
    'good.do': noted('echo good'),
  })
  await s.ifchange('y', 'direct')
  s.write('y.do', 'echo a\necho b >"$3"\n')
  s.write('direct.do', 'echo a >>"$1"\n')
  const result = await s.redo('-k', 'y', 'direct', 'good')
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/y\b.*\b207\b/)
  expect(result.stderr).toMatch(/direct\b.*\b206\b/)
  expect([s.read('y'), s.read('good'), leftovers(s)]).toEqual(['old\n', 'good\n', []])
  s.write('y.do', 'echo new\n')
  s.write('direct.do', 'echo new\n')
  const mended = await s.ifchange('y', 'direct')
  expect(mended.code, mended.stderr).toBe(0)
  expect([s.read('y'), s.read('direct')]).toEqual(['new\n', 'new\n'])
})

test('a target that got another name meanwhile was not written to; nor one that is another name of its source', async () => {
  const s = space({
    src: 'old\n',
    'x.do': 'redo-ifchange src more\nln src "$3"\n',
    'y.do': 'redo-ifchange more\nif [ -e y ]; then ln y "y.$(cat more)"; fi\necho y\n',
    more: '1',
  })
  await s.ifchange('x', 'y')
  s.write('more', '2')
  const again = await s.ifchange('x', 'y')
  expect(again.code, again.stderr).toBe(0)
  expect([s.read('x'), s.list()]).toEqual(['old\n', ['more', 'src', 'x', 'x.do', 'y', 'y.2', 'y.do']])
})

test('where no process that starts do-files could be had, none is ended for it', () => {
  const kill = vi.spyOn(process, 'kill').mockReturnValue(true)
  killSession(0)
  expect(kill).not.toHaveBeenCalled()
  kill.mockRestore()
})

describe.runIf(hasProc)('the daemon dies and do-files live on', () => {
  /** Writes for ever until told that it is enough; notes when it meets another of its kind. */
  const writer = [
    // Not `kill -0`: a zombie that nobody has collected yet would answer.
    'if [ -e writer.pid ] && grep -q "^State:.[RSDT]" "/proc/$(cat writer.pid)/status" 2>/dev/null; then touch met; fi',
    'echo $$ >writer.pid',
    "trap '' TERM INT HUP",
    'touch started',
    'until [ -e enough ]; do echo "beat $$" >>"$3"; sleep 0.02; done',
    'echo done >"$3"',
    '',
  ].join('\n')

  test.each(['the daemon', 'the daemon and all its helpers'])('%s', async (killed) => {
    const s = space({ 'x.do': writer })
    const first = s.start('redo-ifchange', ['x'])
    await until('the do-file runs', () => s.exists('started'))
    const daemon = s.daemon()
    const helpers = childrenOf(daemon).filter((pid) => commandLineOf(pid).includes('--forkserver'))
    // The helpers first: they would notice that the daemon is gone.
    if (killed !== 'the daemon') for (const pid of helpers) process.kill(pid, 'SIGKILL')
    await s.crash()
    const old = Number(s.read('writer.pid'))
    s.remove('started')
    const second = s.start('redo-ifchange', ['x'])
    await until('the do-file runs again', () => s.exists('started'))
    expect(isAlive(old)).toBe(false)
    expect(s.exists('met')).toBe(false)
    s.write('enough', '')
    const result = await second.done
    expect(result.code, result.stderr).toBe(0)
    expect(s.read('x')).toBe('done\n')
    expect(s.list()).toEqual(['enough', 'started', 'writer.pid', 'x', 'x.do'])
    await first.done
  })
})

describe('background children of a do-file', () => {
  test('a do-file is done at its exit, and what it left behind is ended', async () => {
    const s = space({
      'x.do': 'sleep 300 & echo $! >sleeper\necho x\n',
      'y.do': '(trap \'\' TERM HUP; sleep 300) & echo $! >stubborn\necho y >"$3"\n',
    })
    const begin = performance.now()
    const result = await s.redo('x', 'y')
    expect(result.code, result.stderr).toBe(0)
    expect(performance.now() - begin).toBeLessThan(5_000)
    expect([s.read('x'), s.read('y')]).toEqual(['x\n', 'y\n'])
    if (hasProc)
      await until(
        'the children are ended',
        () => !['sleeper', 'stubborn'].some((name) => isAlive(Number(s.read(name)))),
      )
  })

  test('late writes do not reach the published file', async () => {
    const late = 'while :; do echo late; sleep 0.01; done'
    const s = space({
      'out.do': `echo early\n(trap '' TERM HUP; ${late}) & echo $! >out.pid\n`,
      'file.do': `exec 4>"$3"\necho early >&4\n(trap '' TERM HUP; ${late}) >&4 & echo $! >file.pid\n`,
    })
    const result = await s.redo('-j2', 'out', 'file')
    expect(result.code, result.stderr).toBe(0)
    const published = [s.read('out'), s.read('file')]
    if (hasProc)
      await until('the writers are ended', () => !['out.pid', 'file.pid'].some((name) => isAlive(Number(s.read(name)))))
    expect([s.read('out'), s.read('file')]).toEqual(published)
    for (const text of published) expect(text).toMatch(/^early\n(late\n)*$/)
    const again = await s.ifchange('out', 'file')
    expect(again.stderr).not.toMatch(/modified/)
  })

  test('a child that left the process group does not hold up the answer', async () => {
    const s = space({ 'x.do': 'setsid sh -c "until [ -e go ]; do sleep 0.02; done" &\necho x\n' })
    const result = await s.redo('x')
    expect(result.code, result.stderr).toBe(0)
    expect(s.read('x')).toBe('x\n')
    s.write('go', '')
  })
})

test('a do-file that removes its own folder breaks its build only', async () => {
  const s = space({ 'sub/x.do': 'cd ..\nrm -rf sub\necho x\n', 'y.do': noted(waitsFor('go'), 'echo y'), go: '' })
  const result = await s.run('redo', ['-k', 'sub/x', 'y'])
  expect(result.code).toBe(1)
  expect(s.read('y')).toBe('y\n')
})

test('a disk that is full is named, whatever was written to it, and what filled it does not stay', async (context) => {
  if (!canMount()) context.skip('no small disk can be mounted here')
  const fills = 'head -c 5000000 /dev/zero'
  const s = space({
    'full/.keep': '',
    'do/out.do': `${fills}\n`,
    'do/file.do': `${fills} >"$3"\n`,
    'do/err.do': `${fills} >&2\n`,
    'do/ok.do': 'echo ok\n',
    'do/bad.do': 'exit 3\n',
  })
  const script = [
    'mount -t tmpfs -o size=2m none full && cd full && cp ../do/*.do . && mkdir .redford || exit',
    'for x in ok out file err bad; do redo --no-daemon $x; done',
    'echo "echo new" >ok.do',
    'redo --no-daemon ok',
  ].join('\n')
  const { code, stderr } = await s.run('unshare', ['-rm', 'sh', '-c', script], { timeoutMs: 60_000 })
  expect(code, stderr.slice(-1000)).toBe(0)
  for (const x of ['out', 'file', 'err'])
    expect(stderr).toContain(`redo  ${x}: failed, exit 1, and no space is left on the device (ENOSPC) (${x}.do)\n`)
  expect(stderr).toContain('redo  bad: failed, exit 3 (bad.do)\n')
})

test('a pipe is no do-file, and what a do-file should be run by is named', async () => {
  const s = space({ 'y.do': '#!/no/such/thing -x\n' })
  await s.sh('mkfifo x.do')
  expect((await s.redo('x')).stderr).toContain('x: failed, no such file, and no do-file that makes it\n')
  expect((await s.redo('y')).stderr).toMatch(
    /^redo {2}y: failed, its do-file could not be started: .*\/no\/such\/thing/m,
  )
})
