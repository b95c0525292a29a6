// What a recording costs while a build goes on, and how long it takes to compare two.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkBuilt, fell, plant } from './leaf.mjs'
import { command, median, run } from './support.mjs'

/** More than of other lines: what is looked for is a hundredth. */
const rounds = 20

/** For how long the machine's processors were busy so far, in ms; 0 where that is not told. What a build takes hangs on what waits for what, too. */
const busyMs = () => {
  if (process.platform !== 'linux') return 0
  const [user, nice, system, , , irq, softirq] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '')
    .split(/ +/)
    .slice(1)
    .map(Number)
  return 10 * ((user ?? 0) + (nice ?? 0) + (system ?? 0) + (irq ?? 0) + (softirq ?? 0))
}

/**
 * A full build of 1,000 trivial targets by a daemon that runs, with and without a recording, in turns. The value is the middle one of the
 * ratios of the two runs of a round.
 * @param {import('./support.mjs').World} world
 * @returns {Generator<import('./report.mjs').Row>}
 */
export function* recordedRows(world) {
  const tree = plant(world, 'redo', 1000)
  const file = join(tree.folder, 'build.rec')
  const build = (/** @type {readonly string[]} */ args) => {
    fell(tree, { record: false })
    rmSync(file, { force: true })
    const began = busyMs()
    const { ms } = run(world, tree.folder, command('redo'), ['-j2', ...args, 'all'])
    const busy = busyMs() - began
    checkBuilt(tree)
    return { ms, busy }
  }
  const plain = () => build([])
  const recorded = () => build(['--record', file])
  plain()
  recorded()
  /** @type {{ ms: number, busy: number }[]} */ const with_ = []
  /** @type {{ ms: number, busy: number }[]} */ const without = []
  for (let round = 0; round < (world.quick ? rounds / 2 : rounds); round++) {
    if (round % 2 === 0) without.push(plain())
    with_.push(recorded())
    if (round % 2 === 1) without.push(plain())
  }
  const ratios = with_.map(({ ms }, i) => ms / (without[i]?.ms ?? Number.NaN))
  const busyOf = (/** @type {typeof with_} */ builds) => builds.reduce((all, { busy }) => all + busy, 0)
  yield {
    name: 'full build, 1k, recorded',
    unit: 'ms',
    figures: { redford: median(with_.map(({ ms }) => ms)), unrecorded: median(without.map(({ ms }) => ms)) },
    value: median(ratios),
    against: 'unrecorded',
    goal: 1.01,
    bound: 1.02,
    note: `the daemon runs; processors busy: ${(busyOf(with_) / busyOf(without)).toFixed(3)}x`,
  }
}

const ticks = 100_000

/**
 * Two recordings of 100,000 ticks, opened and compared, with what is to be said of them: such as part a thousand ticks before their end, such
 * as begin with different states, and such as do the same in another order from beginning to end.
 * @param {import('./support.mjs').World} world
 * @returns {AsyncGenerator<import('./report.mjs').Row>}
 */
export async function* diffRows(world) {
  const { codec, createEngine, rule, source, replay } = await import('../../dist/index.js')
  const { diffRecordings } = await import('../../dist/replay/diff-recordings.js')
  const { Rewriter } = await import('../../dist/replay/rewriter.js')
  const leaf = source('leaf', { key: codec.int, value: codec.int })
  const double = rule('double', { key: codec.int, value: codec.int }, function* (i, b) {
    return 2 * (yield* b.need(leaf(i)))
  })
  const folder = mkdtempSync(join(tmpdir(), 'redford-bench-'))
  const at = (/** @type {string} */ name) => join(folder, name)
  const record = async (/** @type {string} */ name, /** @type {number} */ partAt, count = ticks) => {
    let done = 0
    const eng = createEngine({ rules: [leaf, double], drive: 'manual', record: at(name) })
    for (let i = 0; i < leaves; i++) eng.live(double(i)).subscribe(() => {})
    for (let change = 0; done < count; change++) {
      eng.transact((tx) => tx.set(leaf(change % leaves), change + (done >= partAt ? 1 : 0)))
      while (done < count && eng.tick()) done++
    }
    await eng.close()
  }
  /** Asks for one after the other, each two swapped or not. */
  const ask = async (/** @type {string} */ name, /** @type {0 | 1} */ swap) => {
    let done = 0
    const eng = createEngine({ rules: [leaf, double], drive: 'manual', record: at(name) })
    for (let asked = 0; done < ticks || asked % 2 === 1; asked++) {
      if (asked % leaves === 0)
        eng.transact((tx) => Array.from({ length: leaves }, (_, i) => tx.set(leaf(i), asked + i)))
      eng.once(double((asked ^ swap) % leaves))
      while (eng.tick()) done++
    }
    await eng.close()
  }
  /** What `name` holds from tick `from` on. */
  const later = (/** @type {string} */ name, /** @type {number} */ from, /** @type {string} */ to) => {
    const { reader } = replay(at(name))
    const rewriter = new Rewriter(reader, from, at(to))
    for (let tick = from + 1; tick <= reader.ticks; tick++) rewriter.apply(reader.at(tick))
    rewriter.close()
    reader.close()
  }
  /** @returns {import('./report.mjs').Row} */
  const rowOf = (
    /** @type {string} */ what,
    /** @type {readonly [string, string]} */ [a, b],
    /** @type {(found: any) => boolean} */ isRight,
  ) => {
    /** @type {number[]} */ const times = []
    for (let round = 0; round < (world.quick ? 3 : 7); round++) {
      const begun = performance.now()
      const [one, other] = [replay(at(a)), replay(at(b))]
      const found = diffRecordings(one.reader, other.reader)
      times.push(performance.now() - begun)
      one.close()
      other.close()
      if (!isRight(found)) throw new Error(`found ${JSON.stringify(found)}`)
    }
    const ms = median(times)
    return {
      name: `diff, ${ticks} ticks, ${what}`,
      unit: 'ms',
      figures: { redford: ms },
      value: ms,
      goal: 500,
      bound: 1000,
    }
  }
  try {
    await record('a', Number.POSITIVE_INFINITY)
    await record('b', ticks - 1000)
    yield rowOf('that part late', ['a', 'b'], ({ _tag, tick }) => _tag === 'tick' && tick >= ticks - 1000)
    await record('long', Number.POSITIVE_INFINITY, ticks + 1000)
    later('long', 1000, 'later')
    yield rowOf('that begin otherwise', ['a', 'later'], ({ _tag }) => _tag === 'start')
    await ask('asked', 0)
    await ask('swapped', 1)
    yield rowOf('in another order', ['asked', 'swapped'], ({ _tag }) => _tag === 'order')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const leaves = 1000
