/** What is begun first: by what it cost in earlier builds, unless somebody says otherwise. */
import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { RecordingReader } from '../../src/store/recording/reader.js'
import { closeSpaces, noted, type Space, space, until, waitsFor } from '../support/space.js'

afterEach(closeSpaces)

/** What ran since the last call, in order, but for `all`. */
const ran = (s: Space): readonly string[] => {
  const names = readFileSync(s.runsFile, 'utf8').split('\n')
  writeFileSync(s.runsFile, '')
  return names.filter((name) => name !== '' && name !== 'all')
}

const project = () =>
  space({
    x: '1',
    'all.do': noted('redo-ifchange quick1 quick2 slow'),
    'quick1.do': noted('redo-ifchange x', 'cat x'),
    'quick2.do': noted('redo-ifchange x', 'cat x'),
    'slow.do': noted('redo-ifchange x', 'sleep 0.3', 'cat x'),
  })

test('the second build begins with what took longest in the first, though another daemon makes it', async () => {
  const s = project()
  expect((await s.ifchange('all', '-j1')).code).toBe(0)
  expect(ran(s)).toEqual(['quick1', 'quick2', 'slow'])
  await s.run('redford', ['stop'])
  s.write('x', '2')
  expect((await s.ifchange('all', '-j1')).code).toBe(0)
  expect(ran(s)[0]).toBe('slow')
})

test('what is left to be done is told by what it took before, with the status', async () => {
  const s = space({
    x: '1',
    'all.do': 'redo-ifchange 1 2 3\n',
    'default.do': noted('redo-ifchange x', 'sleep 0.9', 'cat x'),
  })
  expect((await s.redo('-j1', 'all')).code).toBe(0)
  const status = async (): Promise<{ secondsLeft: number; waiting: number }> =>
    JSON.parse((await s.run('redford', ['status', '--json'])).stdout)
  expect((await status()).secondsLeft).toBe(0)
  ran(s)
  s.write('x', '2')
  const again = s.start('redo', ['-j1', 'all'])
  await until('one has begun', () => ran(s).length > 0)
  expect((await status()).secondsLeft).toBeGreaterThanOrEqual(1)
  expect((await s.run('redford', ['status'])).stdout).toMatch(/waiting: \d, about [1-4] s left\n/)
  await again.done
})

test('--policy chooses otherwise, from then on', async () => {
  const s = project()
  await s.ifchange('all', '-j1')
  ran(s)
  for (const [x, args] of [
    ['2', ['--policy', 'fullBatch']],
    ['3', []],
  ] as const) {
    s.write('x', x)
    expect((await s.ifchange('all', '-j1', ...args)).code).toBe(0)
    expect(ran(s)).toEqual(['quick1', 'quick2', 'slow'])
  }
  const wrong = await s.ifchange('all', '--policy', 'best')
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toContain('--policy: there is no policy best: use one of fixpoint, ')
  const ofFile = await s.ifchange('all', '--policy', './mine.js')
  expect(ofFile.code).toBe(2)
  expect(ofFile.stderr).toContain("redford.config.js names ./mine.js for the project, by import mine from './mine.js'")
})

test('a policy of redford.config.js chooses, and one that breaks the rules is told so, and builds all the same', async () => {
  const s = project()
  s.write(
    'redford.config.mjs',
    `export default {
      rules: [],
      policy: function mine(view) {
        return { scan: view.scan(99), run: view.run(99), answer: view.answer(view.freeSlots), start: [...view.start(99)].reverse() }
      },
    }`,
  )
  const result = await s.ifchange('all', '-j1')
  expect(result.code, result.stderr).toBe(0)
  expect(result.stderr).toContain('the policy mine: it starts 2 more than there are slots and rooms for')
  expect(ran(s)).toEqual(['slow', 'quick2', 'quick1'])
  s.write('redford.config.mjs', 'export default { policy: "cap(1)" }')
  s.write('x', '2')
  const named = await s.ifchange('all')
  expect(named.code, named.stderr).toBe(0)
  expect(named.stderr).not.toContain('redford.config')
})

test.each([
  ['policy: 7', '`policy` must be a policy, such as policies.shortestRemaining(), or the name of one'],
  ['policy: "best"', 'there is no policy best: use one of fixpoint, '],
  ['policy: "cap(0)"', 'cap(max): max must be a number from 1 on, got 0'],
  ['recrod: "last.rec"', 'there is no `recrod`: it may say `rules`, `targets`, `record`, `policy`'],
  ['record: "last.rec', 'it cannot be loaded: Invalid or unexpected token'],
])('a redford.config that says %s is told of, and what it does not make is built', async (text, why) => {
  const s = project()
  s.write('redford.config.mjs', `export default { ${text} }`)
  const result = await s.ifchange('all')
  expect(result.code).toBe(0)
  expect(result.stderr).toContain(`redo  redford.config.mjs: ${why}`)
})

test('what is due first comes first, whoever asked first', async () => {
  const s = space({ 'default.do': noted('touch "begun.$1"', waitsFor('go.$1')) })
  const begun = (name: string) => until(`${name} is begun`, () => s.exists(`begun.${name}`))
  const late = s.start('redo-ifchange', ['-j1', '--policy', 'deadline', '--deadline', '600000', 'a1', 'a2', 'a3'])
  await begun('a1')
  const soon = s.start('redo-ifchange', [
    '-j1',
    '--deadline',
    '60000',
    '--class',
    'ui',
    '--record',
    'soon.rec',
    'b1',
    'b2',
  ])
  // A slot more for it, which what waits for one takes.
  await begun('a2')
  await until('the second request is in', () => soon.trace().some(({ event }) => event === 'demand'))
  s.write('go.a1', '')
  await begun('b1')
  expect(s.exists('begun.a3')).toBe(false)
  for (const name of ['a2', 'a3', 'b1', 'b2']) s.write(`go.${name}`, '')
  expect([(await late.done).code, (await soon.done).code]).toEqual([0, 0])

  const opened = RecordingReader.open(String(s.path('soon.rec')))
  const reader = (opened as Extract<typeof opened, { _tag: 'Right' }>).right
  const asked = reader.at(1).input.events.find((event) => event._tag === 'requested')!
  expect(asked).toMatchObject({ terms: { class: 'ui', deadline: expect.any(Number) } })
  reader.close()
})

test('a deadline is a number of ms', async () => {
  const { code, stderr } = await project().ifchange('all', '--deadline', 'soon')
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--deadline takes a number of ms, not 'soon'"),
  })
})
