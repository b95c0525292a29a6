// The test kit: schedules of thirty builds beside fast-check's own scheduler, and states of an exhaustive search.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { forAllFileSchedules, forAllSchedules, sweep } from '../../dist/testing/index.js'
import { command, median, openProject, run, stopDaemon } from './support.mjs'
import { byPromises, factory, request } from './thirty.mjs'

/** What each of `count` things that `run` does takes, in µs. */
const each = async (/** @type {number} */ count, /** @type {() => Promise<unknown>} */ run) => {
  const begun = performance.now()
  await run()
  return ((performance.now() - begun) * 1000) / count
}

/**
 * @param {import('./support.mjs').World} world
 * @returns {AsyncGenerator<import('./report.mjs').Row>}
 */
export async function* scheduleRows(world) {
  const { quick } = world
  const [rounds, runs, many] = quick ? [3, 300, 100_000] : [3, 1000, 1_000_000]
  /** @type {Record<string, number[]>} */
  const taken = { redford: [], 'redford, run': [], 'fast-check': [] }
  const check = async (/** @type {import('../../dist/index.js').BuildEngine} */ eng) =>
    void (await eng.once(request).promise)
  let played = 0
  for (let seed = 0; seed < rounds; seed++) {
    taken['fast-check'].push(await each(runs, () => byPromises(runs)))
    taken['redford, run'].push(await each(runs, () => forAllSchedules(factory, check, { runs, seed })))
    taken.redford.push(
      await each(many, async () => {
        played = (await forAllSchedules(factory, check, { runs: many, seed })).played
      }),
    )
  }
  const figures = Object.fromEntries(Object.entries(taken).map(([who, all]) => [who, median(all)]))
  const value = figures.redford / figures['fast-check']
  yield {
    name: 'schedules: 30 builds',
    unit: 'µs',
    figures,
    value,
    against: 'fast-check',
    goal: 0.05,
    note: `${many} schedules, of which ${played} were run`,
  }
  yield await fileRow(world)
  const begun = performance.now()
  const { states, steps, schedules } = await sweep(4, { faults: ['fail', 'cancel', 'sweep', 'wipe', 'touch'] })
  const us = (performance.now() - begun) * 1000
  yield {
    name: 'explore: all graphs of 4 builds',
    unit: 'µs a state, a step',
    figures: { state: us / states, step: us / steps },
    note: `${states} states, ${schedules} schedules`,
  }
}

/** Of two sources: two targets, and one made of them. */
const files = () => ({
  files: new Map([
    [1, 4],
    [2, 7],
  ]),
  rules: new Map([
    [10, { asks: [[1]], output: /** @type {const} */ ('sum') }],
    [11, { asks: [[1, 2]], output: /** @type {const} */ ('parity') }],
    [12, { asks: [[10], [11]], output: /** @type {const} */ ('sum'), ifOdd: [2] }],
  ]),
})
const doFiles = {
  10: 'redo-ifchange 1\nread a <1\necho $((1 + a))\n',
  11: 'redo-ifchange 1 2\nread a <1\nread b <2\necho $(((1 + a + b) % 2))\n',
  12: 'redo-ifchange 10\nredo-ifchange 11\nread a <10\nread b <11\nsum=$((1 + a + b))\nif [ $((sum % 2)) = 1 ]; then redo-ifchange 2; fi\necho $sum\n',
}

/**
 * What a simulated schedule with a fault goes through, by real processes: two clients ask, the daemon is killed in the midst of it, and another one
 * builds all.
 * @param {import('./support.mjs').World} world
 */
const fileRow = async (world) => {
  const project = openProject(world, 'schedule')
  for (const [name, text] of Object.entries(doFiles)) writeFileSync(join(project, `${name}.do`), text)
  writeFileSync(join(project, '1'), '4\n')
  writeFileSync(join(project, '2'), '7\n')
  const client = (/** @type {string} */ target) =>
    spawn(command('redo'), [target], { cwd: project, env: world.env, stdio: 'ignore' })
  const real = []
  for (let round = 0; round < 5; round++) {
    stopDaemon(world, project)
    for (const name of readdirSync(project)) if (/^1\d$/.test(name)) rmSync(join(project, name))
    run(world, project, command('redo-ifchange'), ['1'])
    const status = spawnSync(command('redford'), ['status', '--json'], {
      cwd: project,
      env: world.env,
      encoding: 'utf8',
    })
    const { pid } = JSON.parse(status.stdout)
    const begun = performance.now()
    const clients = [client('12'), client('10')]
    const ended = Promise.all(clients.map((one) => once(one, 'close')))
    process.kill(pid, 'SIGKILL')
    await ended
    run(world, project, command('redo'), ['12'])
    real.push((performance.now() - begun) * 1000)
  }
  const runs = world.quick ? 20_000 : 200_000
  let played = 0
  const redford = await each(runs, async () => {
    played = (await forAllFileSchedules(files(), { targets: [12], runs, seed: 1 })).played
  })
  return {
    name: 'schedules: 3 do-files',
    unit: 'µs',
    figures: { redford, 'by processes': median(real) },
    value: redford / median(real),
    against: 'by processes',
    goal: 0.001,
    note: `${runs} schedules, of which ${played} were run`,
  }
}
