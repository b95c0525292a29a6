/**
 * What `why` says of do-files, compared with what was really done: random projects are built again and again, each time after random
 * changes, and the test knows of each target when it ran, what of, and what came of it.
 */
import * as fs from 'node:fs'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { afterEach, expect, test } from 'vitest'
import { Replay } from '../../src/replay/replay.js'
import { shownName } from '../../src/replay/view.js'
import { Walker } from '../../src/replay/walker.js'
import { type Why, why } from '../../src/replay/why.js'
import { type WhyNot, whyNot } from '../../src/replay/why-not.js'
import { runs } from '../support/runs.js'
import { closeSpaces, type Space, space } from '../support/space.js'

afterEach(closeSpaces)

interface Recipe {
  readonly groups: readonly (readonly string[])[]
  readonly create: string | undefined
  readonly always: boolean
  readonly stamp: boolean
  /** Of 3 and 8 it makes the same. */
  readonly folds: boolean
  readonly fails: boolean
  readonly comment: number
}

const SOURCES = ['s0', 's1', 'd/s2', 'e/s2']
const PLAIN = ['t0', 't1', 'd/t2', 't3', 't4']
const BY_DEFAULT = ['d/m.out', 'e/m.out']
const DO_FILES = ['d/m.out.do', 'd/default.out.do', 'default.out.do']
const LINK = 'l'

const recipeText = (name: string, r: Recipe): string => {
  const up = name.includes('/') ? '../' : ''
  const all = r.groups.flat().map((d) => up + d)
  const c = r.create && up + r.create
  const fold = r.folds ? 'tr 5-9 0-4' : 'cat'
  return [
    `printf '%s\\n' "${name}" >>"$RUNS"`,
    `# ${r.comment}`,
    ...(c === undefined ? [] : [`if [ -e ${c} ]; then redo-ifchange ${c}; else redo-ifcreate ${c}; fi`]),
    ...(r.always ? ['redo-always'] : []),
    ...r.groups.filter((g) => g.length > 0).map((g) => `redo-ifchange ${g.map((d) => up + d).join(' ')}`),
    ...(r.fails ? [`if cat ${all.join(' ')} /dev/null | grep -q 9; then exit 3; fi`] : []),
    `cat ${all.join(' ')} /dev/null | ${fold} >"$3"`,
    ...(r.stamp ? [`cat ${all.join(' ')} /dev/null | tr 5-9 0-4 | redo-stamp`] : []),
    '',
  ].join('\n')
}

const outText = (file: string, comment: number): string =>
  [
    `# ${comment}`,
    `printf '%s\\n' "${file.startsWith('d/') ? 'd/' : ''}$1" >>"$RUNS"`,
    'redo-ifchange "${1%.out}.src"',
    'cat "${1%.out}.src"',
    '',
  ].join('\n')

// ---------------------------------------------------------------------------------------------- what is done

const recipeArb = (i: number): fc.Arbitrary<Recipe> =>
  fc.record({
    groups: fc.array(
      fc.uniqueArray(fc.constantFrom(...SOURCES, `${LINK}/s2`, ...PLAIN.slice(0, i), ...BY_DEFAULT), { maxLength: 3 }),
      { minLength: 1, maxLength: 2 },
    ),
    create: fc.option(fc.constantFrom('c0', 'c1'), { nil: undefined, freq: 3 }),
    always: fc.integer({ min: 0, max: 7 }).map((n) => n === 0),
    stamp: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    folds: fc.boolean(),
    fails: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
    comment: fc.constant(0),
  })

type Edit =
  | { readonly _tag: 'write' | 'touch' | 'again' | 'remove'; readonly file: string; readonly to: number }
  | { readonly _tag: 'recipe'; readonly target: number; readonly recipe: Recipe }
  | { readonly _tag: 'comment'; readonly target: number; readonly to: number }
  | { readonly _tag: 'gone'; readonly target: number }
  | { readonly _tag: 'default'; readonly file: string; readonly to: number }
  | { readonly _tag: 'link'; readonly to: string }

const editArb: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      _tag: fc.constantFrom('write' as const, 'write' as const, 'write' as const, 'touch' as const, 'again' as const),
      file: fc.constantFrom(...SOURCES, 'd/m.src', 'e/m.src'),
      to: fc.integer({ min: 0, max: 9 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: fc.constantFrom('write' as const, 'remove' as const),
      file: fc.constantFrom('c0', 'c1', 's1'),
      to: fc.integer({ min: 0, max: 9 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 0, max: PLAIN.length - 1 })
      .chain((target) =>
        fc.record({ _tag: fc.constant('recipe' as const), target: fc.constant(target), recipe: recipeArb(target) }),
      ),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      _tag: fc.constant('comment' as const),
      target: fc.integer({ min: 0, max: PLAIN.length - 1 }),
      to: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      _tag: fc.constant('gone' as const),
      target: fc.integer({ min: 0, max: PLAIN.length + 1 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: fc.constant('default' as const),
      file: fc.constantFrom(...DO_FILES),
      to: fc.integer({ min: -3, max: 9 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant('link' as const), to: fc.constantFrom('d', 'e') }) },
)

interface Round {
  readonly edits: readonly Edit[]
  readonly command: 'redo' | 'redo-ifchange'
  /** -1: all. */
  readonly target: number
}
const roundArb: fc.Arbitrary<Round> = fc.record({
  edits: fc.array(editArb, { minLength: 0, maxLength: 3 }),
  command: fc.constantFrom(
    'redo' as const,
    'redo-ifchange' as const,
    'redo-ifchange' as const,
    'redo-ifchange' as const,
  ),
  target: fc.oneof({ weight: 3, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 6 }) }),
})

// ---------------------------------------------------------------------------------------------- what is known of it

/** A dependency, in the order in which it was asked for. */
interface Asked {
  readonly name: string
  readonly at: number
  readonly create: boolean
}
interface Ran {
  readonly generation: number
  readonly asked: readonly Asked[]
  /** What each of them was then. */
  readonly seen: ReadonlyMap<string, string>
  readonly isBroken: boolean
  readonly always: boolean
}

const TARGETS = [...PLAIN, ...BY_DEFAULT]

class Model {
  readonly recipes = new Map<string, Recipe>()
  readonly ran = new Map<string, Ran>()
  readonly broken = new Set<string>()
  constructor(readonly s: Space) {}

  /** What it is called behind links. */
  real(name: string): string {
    return name.startsWith(`${LINK}/`) ? name.replace(LINK, fs.readlinkSync(this.s.path(LINK))) : name
  }

  /** What is compared of it: absent, broken, its content, or what it was stamped with. */
  keyOf(name: string): string {
    if (name === LINK) return fs.readlinkSync(this.s.path(LINK))
    if (this.broken.has(name)) return 'broken'
    const text = this.s.read(name)
    if (text === undefined) return 'absent'
    const isStamped = this.recipes.get(name)?.stamp === true
    return isStamped ? `stamp ${text.replace(/[5-9]/g, (x) => String(Number(x) - 5))}` : `content ${text}`
  }

  /** What the target's do-file asks for as things are now. */
  asks(target: string): readonly Asked[] {
    const found: Asked[] = []
    const recipe = this.recipes.get(target)
    const folder = target.slice(0, 2)
    const candidates = [`${target}.do`, `${folder}default.out.do`, `${folder}default.do`, 'default.out.do']
    const all = recipe === undefined ? candidates : [`${target}.do`]
    for (const name of all) {
      const isThere = this.s.exists(name)
      found.push({ name, at: 0, create: !isThere })
      if (isThere) break
    }
    if (recipe === undefined) return [...found, { name: target.replace('.out', '.src'), at: 1, create: false }]
    let at = 1
    if (recipe.create !== undefined)
      found.push({ name: recipe.create, at: at++, create: !this.s.exists(recipe.create) })
    for (const group of recipe.groups) {
      for (const d of group) {
        if (d.startsWith(`${LINK}/`)) found.push({ name: LINK, at, create: false })
        found.push({ name: this.real(d), at, create: false })
      }
      // The do-file ends here.
      if (group.some((d) => ['broken', 'absent'].includes(this.keyOf(this.real(d))))) break
      at++
    }
    return found
  }
}

/** Whether it is another than it was seen; and what of a create dependency exists. */
const isOther = (m: Model, ran: Ran, { name, create }: Asked): boolean =>
  create ? m.s.exists(name) : m.keyOf(name) !== ran.seen.get(name)

const stateOf = (file: string) => {
  const opened = Replay.open(file)
  if (E.isLeft(opened)) throw new Error(JSON.stringify(opened.left))
  const walker = new Walker(opened.right.reader)
  walker.seek(opened.right.ticks)
  const { state } = walker
  const nameOf = (x: number): string => shownName(walker.nameOf, x as never)
  const idOf = (name: string) => walker.find(name)
  return { state, nameOf, idOf, close: () => opened.right.close() }
}

const apply = (m: Model, edit: Edit): void => {
  const { s } = m
  switch (edit._tag) {
    case 'write':
      return s.write(edit.file, `${edit.to}`)
    case 'touch':
      return s.exists(edit.file) ? s.touch(edit.file) : undefined
    case 'again': {
      const text = s.read(edit.file)
      return text === undefined ? undefined : s.write(edit.file, text)
    }
    case 'remove':
      return s.remove(edit.file)
    case 'recipe':
    case 'comment': {
      const name = PLAIN[edit.target]!
      const old = m.recipes.get(name)!
      const recipe = edit._tag === 'recipe' ? { ...edit.recipe, stamp: old.stamp } : { ...old, comment: edit.to }
      m.recipes.set(name, recipe)
      return s.write(`${name}.do`, recipeText(name, recipe))
    }
    case 'gone':
      return s.remove(TARGETS[edit.target]!)
    case 'default':
      return edit.to < 0 && edit.file !== 'default.out.do'
        ? s.remove(edit.file)
        : s.write(edit.file, outText(edit.file, edit.to))
    case 'link':
      s.remove(LINK)
      return fs.symlinkSync(edit.to, s.path(LINK) as string)
  }
}

type Made = Extract<Why<string>, { _tag: 'made' }>

const check = async (recipes: readonly Recipe[], rounds: readonly Round[]): Promise<void> => {
  const s = space({
    'default.out.do': outText('default.out.do', 0),
    ...{ s0: '1', s1: '2', 'd/s2': '3', 'e/s2': '4', 'd/m.src': '5', 'e/m.src': '6' },
  })
  fs.symlinkSync('d', s.path(LINK) as string)
  const m = new Model(s)
  recipes.forEach((recipe, i) => {
    m.recipes.set(PLAIN[i]!, recipe)
    s.write(`${PLAIN[i]!}.do`, recipeText(PLAIN[i]!, recipe))
  })
  s.write('all.do', `redo-ifchange ${TARGETS.join(' ')}\n`)
  const answers = new Map<string, Made>()
  const history: unknown[] = []
  for (const [round, { edits, command, target }] of rounds.entries()) {
    for (const edit of edits) apply(m, edit)
    const before = new Map(TARGETS.map((t) => [t, m.keyOf(t)]))
    const wasThere = new Map(TARGETS.map((t) => [t, s.exists(t)]))
    const file = `${s.base}/r${round}.rec`
    const asked = target < 0 ? 'all' : TARGETS[target]!
    const result = await s.run(command, ['--no-daemon', '-k', '-j1', '--record', file, asked])
    const ranNow = s.runs()
    history.push(`${round}: ${JSON.stringify(edits)} ${command} ${asked} ran ${ranNow} exit ${result.code}`)
    for (const t of ranNow) m.broken.delete(t)
    // Each once, and those they are made of first.
    for (const t of TARGETS)
      if (ranNow.includes(t) && new RegExp(`^redo +${t}: failed`, 'm').test(result.stderr)) m.broken.add(t)
    const { state, nameOf, idOf, close } = stateOf(file)
    const { generation } = state
    const tell = (t: string, said: unknown): string =>
      `${t} in round ${round}: ${JSON.stringify(said)}\n${history.join('\n')}\n${[...m.recipes].map(([n, r]) => `${n}: ${JSON.stringify(r)}`).join('\n')}\nlast: ${JSON.stringify(m.ran.get(t), (_, v) => (v instanceof Map ? [...v] : v))}\ngeneration ${generation}`
    for (const t of TARGETS) {
      const id = idOf(t)
      const old = m.ran.get(t)
      if (id === undefined) {
        expect(ranNow, tell(t, 'unknown')).not.toContain(t)
        continue
      }
      const found = why(state, id, nameOf)
      if (!ranNow.includes(t)) {
        if (old === undefined) {
          expect(found._tag, tell(t, found)).not.toBe('made')
          continue
        }
        const not = whyNot(state, id, nameOf)
        if (found._tag !== 'made') throw new Error(tell(t, found))
        expect(found.generation, tell(t, found)).toBe(old.generation)
        const then = answers.get(t)!
        expect([found.chain[0], found.result], tell(t, found)).toEqual([then.chain[0], then.result])
        checkNot(not, t)
        continue
      }
      if (found._tag !== 'made') throw new Error(tell(t, found))
      const says = (): string => tell(t, found)
      expect(found.generation, says()).toBe(generation)
      const [link] = found.chain
      if (link?._tag !== 'made') throw new Error(says())
      const { cause } = link
      const isBroken = m.broken.has(t)
      if (isBroken) expect(found.result, says()).toBe('failed')
      else if (old === undefined) expect([found.result, cause._tag], says()).toEqual(['changed', 'first'])
      else if (!old.isBroken && wasThere.get(t))
        expect(found.result, says()).toBe(before.get(t) === m.keyOf(t) ? 'same' : 'changed')
      const now = m.asks(t)
      if (old !== undefined) {
        expect(cause._tag, says()).not.toBe('first')
        const others = old.asked.filter((a) => isOther(m, old, a))
        const isForced = command === 'redo' && asked === t
        const own = isForced
          ? 'forced'
          : old.isBroken
            ? 'failed'
            : !wasThere.get(t)
              ? 'outputGone'
              : old.always
                ? 'always'
                : undefined
        if (own !== undefined) {
          expect(cause._tag, says()).toBe(own)
          const also = 'also' in cause ? cause.also : undefined
          const both = others.filter((a) => now.some((b) => a.name === b.name))
          if (also === undefined)
            expect(
              both.filter(
                ({ name, create }) => create || !(old.seen.get(name) === 'broken' && m.keyOf(name) === 'broken'),
              ),
              says(),
            ).toEqual([])
          else
            expect(
              others.map(({ name }) => name),
              says(),
            ).toContain(also)
        } else {
          const d = 'dependency' in cause ? cause.dependency : undefined
          const named = others.find(({ name }) => name === d)
          if (named === undefined) throw new Error(`it is not another: ${says()}`)
          expect(Math.min(...others.map(({ at }) => at)), says()).toBe(named.at)
          const expected = named.create
            ? ['appeared']
            : m.keyOf(named.name) === 'absent'
              ? ['missing']
              : m.keyOf(named.name) === 'broken'
                ? ['broken']
                : old.seen.get(named.name) === 'broken'
                  ? ['unsure']
                  : ['changed', 'unsure']
          expect(expected, says()).toContain(cause._tag)
          const next = found.chain[1]
          if (next?._tag === 'source') {
            const was = named.create ? 'absent' : old.seen.get(named.name)
            const is = m.keyOf(named.name)
            expect(next.change._tag, says()).toBe(is === 'absent' ? 'went' : was === 'absent' ? 'came' : 'content')
            expect(next.change.generation, says()).toBeGreaterThan(old.generation)
            expect(next.again, says()).toBe(false)
          } else expect([TARGETS.includes(named.name), next?._tag], says()).toEqual([true, 'made'])
        }
      }
      checkGroups(found)
    }
    function checkNot(not: WhyNot<string>, t: string): void {
      const says = (): string => tell(t, not)
      const old = m.ran.get(t)!
      const isAlways =
        not._tag === 'notAsked' && not.steps.some((x) => x._tag === 'outOfDate' && x.cause?._tag === 'always')
      if (asked === 'all' && result.code === 0 && !isAlways) expect(not._tag, says()).toBe('unchanged')
      if (not._tag !== 'unchanged') return
      for (const n of not.nearly) {
        if (n.how === 'same') {
          expect(n.generation, says()).toBe(ranNow.includes(n.build) ? generation : m.ran.get(n.build)!.generation)
          expect(n.generation, says()).toBeGreaterThan(old.generation)
        } else expect(TARGETS, says()).not.toContain(n.build)
      }
      // Of what it was made of itself.
      for (const { name, create } of old.asked)
        if (!create && ranNow.includes(name))
          expect(
            not.nearly.map(({ build }) => build),
            says(),
          ).toContain(name)
    }
    function checkGroups(found: Made): void {
      const says = (): string => tell(found.build, found)
      const old = m.ran.get(found.build)
      const now = m.asks(found.build).filter(({ create }) => !create)
      for (const d of found.cutoffs) expect(TARGETS, says()).toContain(d)
      for (const { name } of now) {
        const isOfTargets = TARGETS.includes(name)
        const isSame = isOfTargets && ranNow.includes(name) && before.get(name) === m.keyOf(name)
        if (isSame && !m.broken.has(name) && wasThere.get(name) && m.ran.get(name)?.isBroken === false)
          expect(found.cutoffs, `${name}, ${says()}`).toContain(name)
        if (old === undefined || !old.seen.has(name)) continue
        if (m.keyOf(name) === old.seen.get(name)) {
          expect(found.alsoChanged, `${name}, ${says()}`).not.toContain(name)
          expect(found.added, `${name}, ${says()}`).not.toContain(name)
        }
      }
      for (const d of found.unchanged) {
        if (ranNow.includes(d)) throw new Error(`${d} was made: ${says()}`)
      }
    }
    // By what is kept of it, without any recording.
    const [one] = ranNow.filter((t) => TARGETS.includes(t))
    if (one !== undefined) {
      const { stdout } = await s.run('redford', ['why', '--json', '--no-daemon', one])
      expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(why(state, idOf(one)!, nameOf))))
    }
    for (const t of TARGETS) {
      if (!ranNow.includes(t)) continue
      const askedNow = m.asks(t)
      m.ran.set(t, {
        generation,
        asked: askedNow,
        seen: new Map(askedNow.map(({ name }) => [name, m.keyOf(name)])),
        isBroken: m.broken.has(t),
        always: m.recipes.get(t)?.always === true,
      })
      answers.set(t, why(state, idOf(t)!, nameOf) as Made)
    }
    close()
  }
  await s.close()
}

test('why tells of do-files what was really done', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(...PLAIN.map((_, i) => recipeArb(i))),
      fc.array(roundArb, { minLength: 3, maxLength: 6 }),
      (recipes, rounds) => check(recipes, [{ edits: [], command: 'redo-ifchange', target: -1 }, ...rounds]),
    ),
    { ...runs(3), endOnFailure: true },
  )
})
