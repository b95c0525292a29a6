/** What the make of do-files promises to whoever records: here with a spawner that runs nothing. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DoFileMake } from '../../src/make/do-file.js'
import { exitOf } from '../../src/make/spawner.js'
import type { Receipt } from '../../src/model/event.js'
import { type BuildId, buildId } from '../../src/model/ids.js'
import { emptyState, Flight, type State, Status } from '../../src/model/state.js'
import { IntEditor } from '../../src/model/table.js'
import { until, useFolder } from '../support/folder.js'

const folder = useFolder()
const home = process.cwd()
beforeEach(() => process.chdir(folder.path))
afterEach(() => process.chdir(home))

const withStatus = (build: BuildId, status: number): State => {
  const flight = new IntEditor(emptyState.flight)
  flight.set(build, Flight.STATUS, status)
  return { ...emptyState, flight: flight.finish() }
}

it('a target that was put in place is settled only by a state that holds its result', async () => {
  mkdirSync('.redford/tmp', { recursive: true })
  writeFileSync('x.do', 'echo x\n')
  const names = ['', 'x', 'x.do']
  const receipts: Receipt[] = []
  const make = new DoFileMake({
    root: folder.path,
    naming: {
      nameOf: (build) => names[build]!,
      intern: (name) => buildId(names.indexOf(name)),
      packed: () => Buffer.alloc(0),
    },
    spawner: (own) => {
      return {
        pid: 0,
        define: () => {},
        run: ({ runId, stdoutPath, stderrPath }) => {
          writeFileSync(stdoutPath, 'x\n')
          writeFileSync(stderrPath, '')
          own.exited(exitOf(runId, 0, 0))
        },
        kill: () => {},
        close: async () => {},
      }
    },
    program: undefined,
    settingsOf: () => ({ envId: 1, shellFlags: '-e', umask: 0o22 }),
    firstRun: 1,
    ended: () => {},
    settle: (receipt) => receipts.push(receipt),
    intend: () => {},
    onStart: () => {},
    onEnd: () => false,
    onTrouble: () => {},
    onSpawner: () => {},
    onNote: undefined,
    onLost: () => {},
  })
  const x = buildId(1)
  expect(make.run(emptyState, [x])).toMatchObject([{ _tag: 'blocked', needs: [buildId(2)] }])
  expect(make.start(emptyState, [x])).toEqual([{ _tag: 'started', build: x }])
  await until(() => receipts.length > 0)
  expect(receipts).toMatchObject([{ _tag: 'done', build: x }])
  // The receipt is not reduced yet: in these states the build still runs, or has just ended.
  for (const status of [Status.RUNNING, Status.ENDED]) expect(make.takeSettled(withStatus(x, status))).toEqual([])
  expect(make.takeSettled(emptyState)).toEqual(['x'])
  expect(make.takeSettled(emptyState)).toEqual([])
  await make.close()
})
