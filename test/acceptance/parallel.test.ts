/** How many do-files run at once. After apenwarr's t/010, 203, 204 and 950. The do-files wait for one another by files, not by time. */
import { afterEach, expect, test } from 'vitest'
import { closeSpaces, noted, space, until, waitsFor } from '../support/space.js'

afterEach(closeSpaces)

/** A do-file that ends only when another runs at the same time. */
const meets = (me: string, other: string): string => noted(`touch ${me}.here`, waitsFor(`${other}.here`), `echo ${me}`)

/** Lines that fail when more than `slots` do-files are between them at once. */
const counted = (slots: number): readonly string[] => [
  'slot=',
  ...Array.from(
    { length: slots },
    (_, slot) => `[ -n "$slot" ] || { mkdir slot.${slot} 2>/dev/null && slot=slot.${slot}; } || :`,
  ),
  '[ -n "$slot" ] || exit 98',
  'sleep 0.05',
  'rmdir "$slot"',
]

test('-j1 runs one at a time and does not lock up however deep do-files ask', async () => {
  const s = space({
    '0.n.do': noted(...counted(1), 'echo 0'),
    'default.n.do': noted(...counted(1), 'below=$(($2 - 1))', 'redo-ifchange $below.n', ...counted(1), 'cat $below.n'),
    'all.do': noted('redo-ifchange 8.n 5.n 7.n'),
  })
  const result = await s.redo('-j1', 'all')
  expect(result.code, result.stderr).toBe(0)
  expect(s.runs().length).toBe(10)
})

test('-j2 keeps two running', async () => {
  const s = space({ 'a.do': meets('a', 'b'), 'b.do': meets('b', 'a') })
  const result = await s.redo('-j2', 'a', 'b')
  expect(result.code, result.stderr).toBe(0)
})

test('-j2 keeps two running below one do-file', async () => {
  const s = space({ 'a.do': meets('a', 'b'), 'b.do': meets('b', 'a'), 'all.do': noted('redo-ifchange a b') })
  const result = await s.redo('-j2', 'all')
  expect(result.code, result.stderr).toBe(0)
})

test('-j2 never runs three', async () => {
  const s = space({ 'default.x.do': noted(...counted(2)) })
  const result = await s.redo('-j2', ...Array.from({ length: 8 }, (_, index) => `${index}.x`))
  expect(result.code, result.stderr).toBe(0)
  expect(s.runs().length).toBe(8)
})

test('what is up next is not started after a failure, by the end of what runs on', async () => {
  const s = space({
    'a.do': noted(waitsFor('b.here'), 'exit 1'),
    'b.do': noted('touch b.here', 'sleep 0.3', 'echo b'),
    'c.do': noted('echo c'),
  })
  const result = await s.redo('-j2', 'a', 'b', 'c')
  expect(result.code).toBe(1)
  expect(s.runs()).toEqual(['a', 'b'])
  expect(s.list().filter((name) => name.endsWith('.tmp'))).toEqual([])
  expect((await s.redo('-j2', 'c')).code).toBe(0)
  expect(s.runs()).toEqual(['c'])
})

test('a do-file that waits for its dependencies gives its place away', async () => {
  const s = space({
    'a.do': meets('a', 'b'),
    'b.do': meets('b', 'a'),
    'one.do': noted('redo-ifchange a'),
    'two.do': noted('redo-ifchange b'),
    'three.do': noted('redo-ifchange a b'),
  })
  const result = await s.redo('-j2', 'one', 'two', 'three')
  expect(result.code, result.stderr).toBe(0)
  expect(s.runs()).toEqual(['a', 'b', 'one', 'three', 'two'])
})

test('a do-file may ask in the background, several times at once', async () => {
  const s = space({
    'a.do': noted('redo-ifchange src', 'cat src'),
    'b.do': noted('redo-ifchange src', 'cat src'),
    src: '1',
    'x.do': noted('redo-ifchange a & one=$!', 'redo-ifchange b & two=$!', 'wait $one', 'wait $two', 'cat a b'),
  })
  for (const jobs of ['-j1', '-j2']) {
    const result = await s.redo(jobs, 'x')
    expect(result.code, result.stderr).toBe(0)
  }
  expect(s.read('x')).toBe('11')
  s.runs()
  s.write('src', '2')
  await s.ifchange('x')
  expect(s.runs()).toEqual(['a', 'b', 'x'])
  expect(s.read('x')).toBe('22')
})

test('two clients that want the same target share one run', async () => {
  const s = space({ 'x.do': noted('touch started', waitsFor('go'), 'echo x') })
  const first = s.start('redo-ifchange', ['x'])
  await until('the do-file runs', () => s.exists('started'))
  const second = s.start('redo-ifchange', ['x'])
  await until('the second request is in', () => second.trace().some(({ event }) => event === 'demand'))
  s.write('go', '')
  expect([(await first.done).code, (await second.done).code]).toEqual([0, 0])
  expect(s.runs()).toEqual(['x'])
})

test('many targets that all need one are made once each', async () => {
  const s = space({
    'default.n0.do': noted('echo shared'),
    'default.n1.do': noted(
      'redo-ifchange 1.n0 2.n0',
      'for i in 1 2 3 4 5; do echo "$2-$i.n2"; done | xargs redo-ifchange',
    ),
    'default.n2.do': noted('redo-ifchange 1.n0 2.n0 3.n0'),
  })
  const result = await s.redo('-j4', ...Array.from({ length: 6 }, (_, index) => `${index}.n1`))
  expect(result.code, result.stderr).toBe(0)
  const runs = s.runs()
  expect(runs.length).toBe(3 + 6 + 30)
  expect(new Set(runs).size).toBe(runs.length)
})

test('a command that closed all its descriptors can still ask', async () => {
  const s = space({
    'x.do': noted(
      "perl -MPOSIX -e 'POSIX::close($_) for 3..1023; exec @ARGV or die' redo-ifchange y 2>err || { cat err >&2; exit 1; }",
      'cat y',
    ),
    'y.do': noted('echo y'),
  })
  const result = await s.redo('-j1', 'x')
  expect(result.code, result.stderr).toBe(0)
  expect(s.runs()).toEqual(['x', 'y'])
})

test.each(['-j1', '-j2'])(
  'a second session in the same tree while the first runs (all our variables wiped, %s)',
  async (jobs) => {
    const wiped =
      'for name in $(env | sed -n "s/^\\(REDO[A-Z_]*\\|REDFORD[A-Z_]*\\|MAKE[A-Z]*\\)=.*/\\1/p"); do unset "$name"; done'
    const s = space({
      'x.do': noted(wiped, 'redo-ifchange y', 'redo z', 'cat y z'),
      'y.do': noted('redo-ifchange z', 'cat z'),
      'z.do': noted('echo z'),
    })
    const result = await s.redo(jobs, 'x')
    expect(result.code, result.stderr).toBe(0)
    expect(s.read('x')).toBe('z\nz\n')
    expect(s.engines().length).toBe(1)
  },
)

test('make below redo and redo below make', async () => {
  const s = space({
    'x.do': noted('make -s -j2 a b', 'cat a b'),
    Makefile:
      'a b:\n\tredo-ifchange $@.part\n\tcp $@.part $@\nmade:\n\tredo-ifchange a.part b.part\n\tcat a.part b.part >made\n',
    'default.part.do': noted('echo "$2"'),
  })
  const result = await s.redo('-j2', 'x')
  expect(result.code, result.stderr).toBe(0)
  expect(s.read('x')).toBe('a\nb\n')
  const made = await s.run('make', ['-s', '-j2', 'made'])
  expect(made.code, made.stderr).toBe(0)
  expect(s.read('made')).toBe('a\nb\n')
})

test('what is made beside a target that is forced waits for it, also where it needs it through another', async () => {
  const s = space({
    hidden: '1',
    'low.do': 'sleep 0.3\ncat hidden\n',
    'mid.do': 'redo-ifchange low\ncat low\n',
    'top.do': 'redo-ifchange mid\ncat mid\n',
  })
  await s.ifchange('top')
  s.write('hidden', '2')
  const result = await s.redo('-j2', 'low', 'top')
  expect(result.code, result.stderr).toBe(0)
  expect([s.read('low'), s.read('mid'), s.read('top')]).toEqual(['2', '2', '2'])
})
