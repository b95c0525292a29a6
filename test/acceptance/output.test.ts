/** What becomes of a do-file's output. After apenwarr's t/102, 130, 202, 250 and 350. */
import * as fs from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, noted, space, until, waitsFor } from '../support/space.js'

afterEach(closeSpaces)

test('the output is what the do-file wrote to stdout, or to $3', async () => {
  const s = space({
    'out.do': 'echo from stdout\n',
    'file.do': 'echo from file >"$3"\n',
    'link.do': 'ln -s out "$3"\n',
  })
  const result = await s.redo('out', 'file', 'link')
  expect(result.code, result.stderr).toBe(0)
  expect([s.read('out'), s.read('file')]).toEqual(['from stdout\n', 'from file\n'])
  expect(fs.readlinkSync(s.path('link'))).toBe('out')
})

test('no output makes no target and takes an old one away', async () => {
  const s = space({ 'x.do': 'redo-ifchange on\nif [ "$(cat on)" = yes ]; then echo x; fi\n', on: 'no' })
  expect((await s.redo('x')).code).toBe(0)
  expect(s.exists('x')).toBe(false)
  s.write('on', 'yes')
  expect((await s.ifchange('x')).code).toBe(0)
  expect(s.read('x')).toBe('x\n')
  s.write('on', 'not any more')
  expect((await s.ifchange('x')).code).toBe(0)
  expect(s.exists('x')).toBe(false)
})

test('a target without output counts as built', async () => {
  const s = space({ 'x.do': noted() })
  await s.ifchange('x')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['x'])
})

test('what a do-file says is never taken for what the next one says', async () => {
  const s = space({
    'all.do': 'redo-ifchange quiet\nredo-ifchange silent\nredo-ifchange loud\n',
    // Goes on for longer than its do-file, and speaks while the others run.
    'quiet.do': '{ sleep 0.5; echo late >&2; } &\n',
    'loud.do': 'echo heard >&2\n',
    'silent.do': 'sleep 1\n',
  })
  const result = await s.redo('-j1', 'all')
  expect(result.code, result.stderr).toBe(0)
  expect(result.stderr).not.toContain('late')
  expect(result.stderr.split('heard')).toHaveLength(2)
  expect(fs.readdirSync(s.path('.redford/log'))).toHaveLength(1)
  expect(fs.readdirSync(s.path('.redford/tmp'))).toEqual([])
})

test('what a server that a do-file leaves behind writes to standard output gets into no other target', async () => {
  const s = space({
    'all.do': 'redo-ifchange server\nredo-ifchange silent\n',
    'server.do': "setsid sh -c 'until test -e go; do sleep 0.01; done; echo late; : >done' 2>/dev/null &\n",
    'silent.do': ': >go\nuntil test -e done; do sleep 0.01; done\n',
  })
  const result = await s.redo('-j1', 'all')
  expect(result.code, result.stderr).toBe(0)
  expect(s.exists('silent')).toBe(false)
})

test('an empty $3 is an empty target', async () => {
  const s = space({ 'x.do': ': >"$3"\n', 'y.do': 'touch "$3"\n' })
  await s.redo('x', 'y')
  expect([s.read('x'), s.read('y')]).toEqual(['', ''])
})

test('every byte of a large binary output arrives', async () => {
  const bytes = Buffer.from(Uint8Array.from({ length: 3_000_001 }, (_, index) => (index * 7919) >> 3))
  const s = space({
    source: bytes,
    'out.do': 'redo-ifchange source\ncat source\n',
    'file.do': 'redo-ifchange source\ncat source >"$3"\n',
  })
  await s.redo('out', 'file')
  expect(fs.readFileSync(s.path('out')).equals(bytes)).toBe(true)
  expect(fs.readFileSync(s.path('file')).equals(bytes)).toBe(true)
})

test('a target gets its mode from the umask, and keeps what the do-file gives it', async () => {
  const files = { 'out.do': 'echo x\n', 'file.do': 'echo x >"$3"\n', 'tool.do': 'echo x >"$3"\nchmod 755 "$3"\n' }
  const usual = space(files)
  const strict = space(files)
  expect((await usual.sh('umask 022; redo out file tool')).code).toBe(0)
  expect((await strict.sh('umask 027; redo out file')).code).toBe(0)
  expect(['out', 'file', 'tool'].map((name) => usual.mode(name))).toEqual([0o644, 0o644, 0o755])
  expect(['out', 'file'].map((name) => strict.mode(name))).toEqual([0o640, 0o640])
})

test('the umask is that of whoever asks, also of a daemon that was started with another', async () => {
  const s = space({
    'default.out.do': 'echo x\n',
    'default.file.do': 'umask >"$3"\n',
    // Its clients are of its session, whatever it sets for itself.
    'deep.do': 'umask 077\nredo-ifchange deep.out deep.file\necho x >"$3"\n',
  })
  const targets = ['x.out', 'x.file', 'deep', 'deep.out', 'deep.file']
  for (const umask of [0o22, 0o27, 0o2]) {
    for (const how of ['', '--no-daemon ']) {
      if (how !== '') await s.run('redford', ['stop'])
      const { code, stderr } = await s.sh(`umask 0${umask.toString(8)}; redo ${how}${targets.join(' ')}`)
      expect(code, stderr).toBe(0)
      const mode = 0o666 & ~umask
      expect(targets.map((name) => s.mode(name))).toEqual([mode, mode, 0o600, mode, mode])
    }
  }
})

test('a do-file may make the folder its target lies in', async () => {
  const s = space({
    'default.out.do': 'mkdir -p "$(dirname "$1")"\necho stdout\n',
    'default.file.do': 'mkdir -p "$(dirname "$1")"\necho file >"$3"\n',
    'have/.keep': '',
  })
  const result = await s.redo('new/a/b/x.out', 'have/a/b/x.out', 'other/a/x.file')
  expect(result.code, result.stderr).toBe(0)
  expect(['new/a/b/x.out', 'have/a/b/x.out', 'other/a/x.file'].map((name) => s.read(name))).toEqual([
    'stdout\n',
    'stdout\n',
    'file\n',
  ])
})

test('a target whose folder nobody made fails with 209', async () => {
  const s = space({ 'default.out.do': 'echo lost\n' })
  const result = await s.redo('nowhere/x.out')
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/nowhere\/x\.out.*209/)
  expect(s.exists('nowhere')).toBe(false)
})

test('a do-file may sweep away temporary files, or the whole folder, before it writes', async () => {
  const s = space({
    'sweep/file.do': 'rm -f *.tmp\necho file >"$3"\n',
    'sweep/out.do': 'rm -f *.tmp "$3"\necho out\n',
    'default.file.do': 'rm -rf x\nmkdir x\necho again >"$3"\n',
    'default.out.do': 'rm -rf y\nmkdir y\necho again\n',
    'x/old': '',
    'y/old': '',
  })
  const result = await s.redo('-j1', 'sweep/file', 'sweep/out', 'x/a.file', 'y/a.out')
  expect(result.code, result.stderr).toBe(0)
  expect(['sweep/file', 'sweep/out', 'x/a.file', 'y/a.out'].map((name) => s.read(name))).toEqual([
    'file\n',
    'out\n',
    'again\n',
    'again\n',
  ])
  expect([s.list('x'), s.list('y')]).toEqual([['a.file'], ['a.out']])
})

test('a folder can be a target, is replaced whole, and only its existence is checked', async () => {
  const s = space({ 'dir.do': noted('redo-ifchange name', 'mkdir "$3"', 'echo hi >"$3/$(cat name)"'), name: 'one' })
  await s.ifchange('dir')
  expect(s.list('dir')).toEqual(['one'])
  s.write('dir/extra', '')
  const again = await s.ifchange('dir')
  expect(again.stderr).not.toMatch(/modified/)
  expect(s.runs()).toEqual(['dir'])
  s.write('name', 'two')
  const other = await s.ifchange('dir')
  expect(other.code, other.stderr).toBe(0)
  expect(s.list('dir')).toEqual(['two'])
  expect(s.list()).toEqual(['dir', 'dir.do', 'name'])
})

test('what needs a folder is made again when the folder is, since what it holds is not compared', async () => {
  const s = space({
    name: 'one',
    'dir.do': 'redo-ifchange name\nmkdir "$3"\ncp name "$3/in"\n',
    'place.do': 'redo-ifchange name\nmkdir -p "$1"\ncp name "$1/in"\n',
    'stamped.do': 'redo-ifchange name\nmkdir "$3"\ncp name "$3/in"\ncut -c1 name | redo-stamp\n',
    'default.use.do': noted('redo-ifchange "$2"', 'cat "$2/in"'),
  })
  const uses = ['dir.use', 'place.use', 'stamped.use']
  await s.ifchange('-j1', ...uses)
  s.write('name', 'other')
  await s.ifchange('-j1', ...uses)
  expect([s.read('dir.use'), s.read('place.use'), s.read('stamped.use')]).toEqual(['other', 'other', 'one'])
  await s.ifchange(...uses)
  expect(s.runs()).toEqual(['dir.use', 'dir.use', 'place.use', 'place.use', 'stamped.use'])
})

test('a link to a folder is what it says: made again the same, it rebuilds nothing', async () => {
  const s = space({
    'dir/in': '1',
    'link.do': 'ln -s dir "$3"\n',
    'use.do': noted('redo-ifchange link', 'cat link/in'),
  })
  await s.ifchange('use')
  await s.redo('link')
  await s.ifchange('use')
  expect(s.runs()).toEqual(['use'])
})

test('a folder may take the place of a file, and a file that of a folder', async () => {
  const s = space({
    kind: 'file',
    'x.do': 'redo-ifchange kind\nif [ "$(cat kind)" = file ]; then echo x; else mkdir "$3"; echo in >"$3/in"; fi\n',
  })
  for (const kind of ['file', 'folder', 'file']) {
    s.write('kind', kind)
    const result = await s.ifchange('x')
    expect(result.code, result.stderr).toBe(0)
    expect(s.read(kind === 'file' ? 'x' : 'x/in')).toBe(kind === 'file' ? 'x\n' : 'in\n')
    expect(s.list()).toEqual(['kind', 'x', 'x.do'])
  }
})

test('a reader sees the whole old target until the whole new one is there', async () => {
  const text = (version: number): string => `begin ${version}\nend ${version}\n`
  const writes = (to: string): string[] => [
    `${to} echo "begin $(cat v)"`,
    'touch "half-$1"',
    waitsFor('go'),
    `${to} echo "end $(cat v)"`,
  ]
  const s = space({
    v: '1',
    go: '',
    'out.do': ['redo-ifchange v', ...writes(''), ''].join('\n'),
    'file.do': ['redo-ifchange v', ...writes('>>"$3"'), ''].join('\n'),
  })
  await s.redo('-j2', 'out', 'file')
  expect([s.read('out'), s.read('file')]).toEqual([text(1), text(1)])
  for (const name of ['half-out', 'half-file', 'go']) s.remove(name)
  s.write('v', '2')
  const running = s.start('redo', ['-j2', 'out', 'file'])
  await until('both are half written', () => s.exists('half-out') && s.exists('half-file'))
  expect([s.read('out'), s.read('file')]).toEqual([text(1), text(1)])
  s.write('go', '')
  expect((await running.done).code).toBe(0)
  expect([s.read('out'), s.read('file')]).toEqual([text(2), text(2)])
})

test('a failed build keeps the old target and leaves nothing beside it', async () => {
  const s = space({
    ok: 'yes',
    'out.do': 'redo-ifchange ok\necho "$(cat ok)"\n[ "$(cat ok)" = yes ]\n',
    'file.do': 'redo-ifchange ok\ncat ok >"$3"\n[ "$(cat ok)" = yes ]\n',
  })
  await s.redo('out', 'file')
  const before = [s.read('out'), s.read('file'), s.list()]
  s.write('ok', 'no')
  expect((await s.redo('-k', 'out', 'file')).code).toBe(1)
  expect([s.read('out'), s.read('file'), s.list()]).toEqual(before)
})

test('output on stdout and in $3 fails with 207 and keeps the old target', async () => {
  const s = space({ 'x.do': 'echo old\n' })
  await s.redo('x')
  for (const text of ['echo a\necho b >"$3"\n', 'echo b >"$3"\necho a\n', 'echo a\n: >"$3"\n']) {
    s.write('x.do', text)
    const result = await s.redo('x')
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/x.*\b207\b/)
    expect(s.read('x')).toBe('old\n')
  }
})

test('a do-file that writes $1 itself fails with 206, and once mended it builds', async () => {
  const s = space({ 'x.do': 'echo direct >"$1"\n', 'old.do': 'echo fine\n' })
  const first = await s.redo('x')
  expect(first.code).toBe(1)
  expect(first.stderr).toMatch(/x.*\b206\b/)
  await s.redo('old')
  s.write('old.do', 'echo direct >"$1"\necho too\n')
  const second = await s.ifchange('old')
  expect(second.code).toBe(1)
  expect(second.stderr).toMatch(/old.*\b206\b/)
  for (const name of ['x', 'old']) {
    s.write(`${name}.do`, 'echo mended\n')
    const result = await s.ifchange(name)
    expect(result.code, result.stderr).toBe(0)
    expect(s.read(name)).toBe('mended\n')
  }
})

test('reading $1 is no harm', async () => {
  const s = space({ 'x.do': 'if [ -e "$1" ]; then cat "$1"; fi\necho more\n' })
  await s.redo('x')
  const result = await s.redo('x')
  expect(result.code, result.stderr).toBe(0)
  expect(s.read('x')).toBe('more\nmore\n')
})

test('a symlink counts by itself and by the file at its end', async () => {
  const s = space({ one: '1', two: '2', 'user.do': noted('redo-ifchange link', 'cat link') })
  fs.symlinkSync('one', s.path('link'))
  await s.ifchange('user')
  expect(s.read('user')).toBe('1')
  s.write('one', '1 again')
  await s.ifchange('user')
  expect(s.read('user')).toBe('1 again')
  s.remove('link')
  fs.symlinkSync('two', s.path('link'))
  await s.ifchange('user')
  expect(s.read('user')).toBe('2')
  expect(s.runs()).toEqual(['user', 'user', 'user'])
})

test('a target that is a symlink is made again when the file at its end is another one, and is no work of a person', async () => {
  const s = space({
    one: '1',
    'link.do': noted('redo-ifchange one', 'ln -s one "$3"'),
    'user.do': noted('redo-ifchange link', 'cat link'),
  })
  await s.ifchange('user')
  s.write('one', '1 again')
  expect((await s.run('redo-ood')).stdout).toBe('link\nuser\n')
  const result = await s.ifchange('user')
  expect(result.stderr).not.toContain('modified')
  expect(s.read('user')).toBe('1 again')
  expect(s.runs()).toEqual(['link', 'link', 'user', 'user'])
  await s.ifchange('user')
  expect(s.runs()).toEqual([])
  s.remove('link')
  fs.symlinkSync('user.do', s.path('link'))
  expect((await s.ifchange('user')).stderr).toContain('link: you modified it')
  expect(s.runs()).toEqual(['user'])
})

test('a do-file may write the file to which its target, a symlink, leads', async () => {
  const s = space({ text: 'first', 'link.do': 'redo-ifchange text\ncat text >extra\nln -s extra "$3"\n' })
  await s.redo('link')
  s.write('text', 'second')
  for (const command of [s.ifchange('link'), s.redo('link')]) {
    const result = await command
    expect(result.code, result.stderr).toBe(0)
    expect(s.read('link')).toBe('second')
  }
})

test('a target may be a symlink that leads nowhere, or to a folder', async () => {
  const s = space({
    'one/in': '',
    'two/in': '',
    where: 'nowhere',
    'link.do': noted('redo-ifchange where', 'ln -s "$(cat where)" "$3"'),
    'user.do': noted('redo-ifchange link', 'readlink link'),
  })
  for (const where of ['nowhere', 'one', 'two']) {
    s.write('where', where)
    for (let i = 0; i < 2; i++) {
      const result = await s.ifchange('user')
      expect(result.code, result.stderr).toBe(0)
      expect(result.stderr).not.toContain('modified')
    }
    expect(s.read('user')).toBe(`${where}\n`)
  }
  expect(s.runs()).toEqual(['link', 'link', 'link', 'user', 'user', 'user'])
  s.write('link.do', noted('redo-ifchange where', ':'))
  expect((await s.ifchange('link')).code).toBe(0)
  expect(s.exists('link')).toBe(false)
  expect(s.read('two/in')).toBe('')
})
