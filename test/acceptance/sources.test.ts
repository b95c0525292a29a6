/**
 * When a file is a source and when a target. The table is the same 27 cases that apenwarr's t/351-deps-forget tells; there the do-file is
 * `redo-always`, here it depends on a file that changes at every step, so that what `redo-ood` says is the same in a new session.
 */
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { closeSpaces, noted, type Space, space } from '../support/space.js'

type First = 'source' | 'virtual' | 'real'
type Update = 'nothing' | 'delete' | 'overwrite'
type Then = 'fail' | 'nil' | 'output'

/** What is to be seen after the third step. `user` is a target that depends on `thing`, and ran when it came past asking for it. */
interface Seen {
  readonly userRan: boolean
  readonly thingRan: boolean
  readonly warned: boolean
  readonly listed: 'source' | 'target' | 'out-of-date target' | 'neither'
}

const seen = (userRan: boolean, thingRan: boolean, listed: Seen['listed'], warned = false): Seen => ({
  userRan,
  thingRan,
  warned,
  listed,
})
const untouchedSource = seen(false, false, 'source')
const changedSource = seen(true, false, 'source')
const overridden = seen(true, false, 'source', true)
const failedAndGone = seen(false, true, 'neither')
const failedOldKept = seen(false, true, 'out-of-date target')
const made = seen(true, true, 'target')

const table: readonly (readonly [First, Update, Then, Seen])[] = [
  ['source', 'nothing', 'fail', untouchedSource],
  ['source', 'nothing', 'nil', untouchedSource],
  ['source', 'nothing', 'output', untouchedSource],
  ['source', 'delete', 'fail', failedAndGone],
  ['source', 'delete', 'nil', made],
  ['source', 'delete', 'output', made],
  ['source', 'overwrite', 'fail', changedSource],
  ['source', 'overwrite', 'nil', changedSource],
  ['source', 'overwrite', 'output', changedSource],
  ['virtual', 'nothing', 'fail', failedAndGone],
  ['virtual', 'nothing', 'nil', made],
  ['virtual', 'nothing', 'output', made],
  ['virtual', 'delete', 'fail', failedAndGone],
  ['virtual', 'delete', 'nil', made],
  ['virtual', 'delete', 'output', made],
  ['virtual', 'overwrite', 'fail', overridden],
  ['virtual', 'overwrite', 'nil', overridden],
  ['virtual', 'overwrite', 'output', overridden],
  ['real', 'nothing', 'fail', failedOldKept],
  ['real', 'nothing', 'nil', made],
  ['real', 'nothing', 'output', made],
  ['real', 'delete', 'fail', failedAndGone],
  ['real', 'delete', 'nil', made],
  ['real', 'delete', 'output', made],
  ['real', 'overwrite', 'fail', overridden],
  ['real', 'overwrite', 'nil', overridden],
  ['real', 'overwrite', 'output', overridden],
]

describe('source, virtual or real target', () => {
  let shared: Space | undefined
  afterAll(closeSpaces)

  const step = async (row: string, want: string): Promise<Space> => {
    shared ??= space()
    shared.write(`${row}/want`, `${want}\n`)
    return shared
  }

  test.each(table)('%s, then %s, then asked to %s', async (first, update, then, expected) => {
    const row = `${first}-${update}-${then}`
    const here = { cwd: row }
    let s = await step(row, `${first === 'source' ? 'fail' : first === 'virtual' ? 'nil' : 'output'} 1`)
    s.write(
      `${row}/thing.do`,
      noted(
        'redo-ifchange want',
        'read want turn <want',
        'case $want in fail) exit 10;; output) echo "$turn" >"$3";; esac',
      ),
    )
    s.write(`${row}/user.do`, 'redo-ifchange thing\necho "$1" | tee -a "$RUNS"\n')

    // First: failing once makes redo forget that a missing file ever was a target, and one made by hand then is a source.
    const begun = await s.run('redo-ifchange', ['thing'], here)
    expect(begun.code, begun.stderr).toBe(first === 'source' ? 1 : 0)
    if (first === 'source') s.write(`${row}/thing`, 'source\n')

    if (update === 'delete') s.remove(`${row}/thing`)
    else if (update === 'overwrite') s.write(`${row}/thing`, 'overwritten by hand\n')
    else expect((await s.run('redo-ifchange', ['user'], here)).code).toBe(0)

    s.runs()
    s = await step(row, `${then} 3`)
    const result = await s.run('redo-ifchange', ['user'], here)
    const runs = s.runs()
    const lists = await Promise.all(
      ['redo-sources', 'redo-targets', 'redo-ood'].map((command) => s.run(command, [], here)),
    )
    const [isSource, isTarget, isOutOfDate] = lists.map(({ stdout }) => stdout.split('\n').includes('thing'))
    expect({
      userRan: runs.includes('user'),
      thingRan: runs.includes('thing'),
      warned: /thing: you modified it; skipping/.test(result.stderr),
      listed:
        isSource && !isTarget
          ? 'source'
          : isOutOfDate && isTarget
            ? 'out-of-date target'
            : isTarget
              ? 'target'
              : isOutOfDate
                ? 'only out-of-date'
                : 'neither',
    }).toEqual(expected)
    expect(result.code).toBe(expected === failedAndGone || expected === failedOldKept ? 1 : 0)
  })
})

describe('a target edited by hand', () => {
  afterEach(closeSpaces)

  const edited = async (): Promise<Space> => {
    const s = space({
      src: '1\n',
      'a.do': noted('redo-ifchange src', 'cat src'),
      'b.do': noted('redo-ifchange a', 'cat a'),
    })
    await s.ifchange('b')
    s.write('a', 'mine\n')
    s.runs()
    return s
  }
  const warning =
    /^redo {2}a: you modified it; skipping \(redo --take a keeps it, redo --overwrite a builds over it\)$/m

  test('is left alone with a warning, and its dependents use it', async () => {
    const s = await edited()
    const first = await s.ifchange('b')
    expect(first.code).toBe(0)
    expect(first.stderr).toMatch(warning)
    expect([s.read('a'), s.read('b'), s.runs()]).toEqual(['mine\n', 'mine\n', ['b']])
    s.write('src', '2\n')
    const second = await s.ifchange('b')
    expect(second.stderr).toMatch(warning)
    expect([s.read('a'), s.runs()]).toEqual(['mine\n', []])
    const asked = await s.redo('a')
    expect(asked.code).toBe(0)
    expect(asked.stderr).toMatch(warning)
    expect([s.read('a'), s.runs()]).toEqual(['mine\n', []])
  })

  test('is a source without a warning once it was taken', async () => {
    const s = await edited()
    const taken = await s.redo('--take', 'a')
    expect(taken.code, taken.stderr).toBe(0)
    const result = await s.ifchange('b')
    expect(result.stderr).not.toMatch(/modified/)
    expect([s.read('a'), s.read('b')]).toEqual(['mine\n', 'mine\n'])
    expect((await s.run('redo-sources')).stdout.split('\n')).toContain('a')
    const again = await s.redo('a')
    expect(again.code).toBe(0)
    expect(s.runs()).toEqual(['b'])
  })

  test.each(['--overwrite', '--force'])('is built over with %s', async (option) => {
    const s = await edited()
    const result = await s.redo(option, 'a')
    expect(result.code, result.stderr).toBe(0)
    expect(s.read('a')).toBe('1\n')
    s.write('src', '2\n')
    const later = await s.ifchange('b')
    expect(later.stderr).not.toMatch(/modified/)
    expect(s.read('b')).toBe('2\n')
  })

  test('becomes a target again when it is deleted', async () => {
    const s = await edited()
    await s.ifchange('b')
    s.remove('a')
    const result = await s.ifchange('b')
    expect(result.stderr).not.toMatch(/modified/)
    expect([s.read('a'), s.read('b')]).toEqual(['1\n', '1\n'])
  })

  test('and edited back is as good as never edited', async () => {
    const s = await edited()
    s.write('a', '1\n')
    const result = await s.ifchange('b')
    expect(result.stderr).not.toMatch(/modified/)
    expect(s.runs()).toEqual([])
  })
})

describe('a file made by hand where a target is expected', () => {
  afterEach(closeSpaces)

  test('is a source: its do-file does not run, not even for redo', async () => {
    const s = space({ 'x.do': noted('echo made'), x: 'by hand' })
    for (const command of ['redo', 'redo-ifchange']) {
      const result = await s.run(command, ['x'])
      expect(result.code).toBe(0)
      expect(result.stderr).not.toMatch(/modified/)
    }
    expect([s.read('x'), s.runs()]).toEqual(['by hand', []])
  })

  test('ends the failing of a target', async () => {
    const s = space({ 'x.do': noted('exit 1') })
    expect((await s.ifchange('x')).code).toBe(1)
    s.write('x', 'by hand')
    expect((await s.ifchange('x')).code).toBe(0)
    expect(s.runs()).toEqual(['x'])
  })
})
