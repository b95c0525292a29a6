// What a recording costs while a build goes on, and how long it takes to compare two.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkBuilt, fell, plant } from './leaf.mjs'
import { command, median, run } from './support.mjs'

/** More than of other lines: what is looked for is a hundredth. */
const rounds = 10

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
    const { ms } = run(world, tree.folder, command('redo'), ['-j2', ...args, 'all'])
    checkBuilt(tree)
    return ms
  }
  const plain = () => build([])
  const recorded = () => build(['--record', file])
  plain()
  recorded()
  /** @type {number[]} */ const with_ = []
  /** @type {number[]} */ const without = []
  for (let round = 0; round < (world.quick ? rounds / 2 : rounds); round++) {
    if (round % 2 === 0) without.push(plain())
    with_.push(recorded())
    if (round % 2 === 1) without.push(plain())
  }
  const ratios = with_.map((ms, i) => ms / (without[i] ?? Number.NaN))
  yield {
    name: 'full build, 1k, recorded',
    unit: 'ms',
    figures: { redford: median(with_), unrecorded: median(without) },
    value: median(ratios),
    against: 'unrecorded',
    goal: 1.01,
    bound: 1.02,
    note: 'the daemon runs',
  }
}

const ticks = 100_000

/**
 * Two recordings of 100,000 ticks, which part a thousand ticks before their end: opened, and the place found, with what is to be said of it.
 * @param {import('./support.mjs').World} world
 * @returns {AsyncGenerator<import('./report.mjs').Row>}
 */
export async function* diffRows(world) {
  const { codec, createEngine, rule, source, replay } = await import('../../dist/index.js')
  const { diffRecordings } = await import('../../dist/replay/diff-recordings.js')
  const leaf = source('leaf', { key: codec.int, value: codec.int })
  const double = rule('double', { key: codec.int, value: codec.int }, function* (i, b) {
    return 2 * (yield* b.need(leaf(i)))
  })
  const folder = mkdtempSync(join(tmpdir(), 'redford-bench-'))
  const record = async (/** @type {string} */ path, /** @type {number} */ partAt) => {
    let done = 0
    const eng = createEngine({ rules: [leaf, double], drive: 'manual', record: path })
    for (let i = 0; i < 1000; i++) eng.live(double(i)).subscribe(() => {})
    for (let change = 0; done < ticks; change++) {
      eng.transact((tx) => tx.set(leaf(change % 1000), change + (done >= partAt ? 1 : 0)))
      while (done < ticks && eng.tick()) done++
    }
    await eng.close()
  }
  try {
    const [a, b] = [join(folder, 'a.rec'), join(folder, 'b.rec')]
    await record(a, Number.POSITIVE_INFINITY)
    await record(b, ticks - 1000)
    /** @type {number[]} */ const times = []
    for (let round = 0; round < (world.quick ? 3 : 7); round++) {
      const begun = performance.now()
      const [one, other] = [replay(a), replay(b)]
      const found = diffRecordings(one.reader, other.reader)
      times.push(performance.now() - begun)
      one.close()
      other.close()
      if (found._tag !== 'tick' || found.tick < ticks - 1000) throw new Error(`found ${JSON.stringify(found)}`)
    }
    const ms = median(times)
    yield {
      name: `diff of two recordings, ${ticks} ticks`,
      unit: 'ms',
      figures: { redford: ms },
      value: ms,
      goal: 500,
      bound: 1000,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
