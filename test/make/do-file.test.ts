/** What the make of do-files promises to whoever records: here with a spawner that runs nothing. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DoFileMake } from '../../src/make/do-file.js'
import type { DoFileOptions } from '../../src/make/do-file-options.js'
import { NOTE_STRIDE } from '../../src/make/forkserver-messages.js'
import type { Run } from '../../src/make/run.js'
import { exitOf, type SpawnHandlers } from '../../src/make/spawner.js'
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

/** Of one target, `x`, whose do-file has written its output, and then does what `then` says. */
const makeOfX = (then: (own: SpawnHandlers, runId: number) => void, onNote: DoFileOptions['onNote']) => {
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
    spawner: (own) => ({
      pid: 0,
      define: () => {},
      run: ({ runId, stdoutPath, stderrPath }) => {
        writeFileSync(stdoutPath, 'x\n')
        writeFileSync(stderrPath, '')
        then(own, runId)
      },
      kill: () => {},
      close: async () => {},
    }),
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
    onNote,
    onLost: () => {},
  })
  return { make, receipts }
}

it('a target that was put in place is settled only by a state that holds its result', async () => {
  const { make, receipts } = makeOfX((own, runId) => own.exited(exitOf(runId, 0, 0)), undefined)
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

it('a run has no process before it is told of one', async () => {
  const pids: (number | undefined)[] = []
  const lookAt = () => pids.push(...[...make.runs.values()].map(({ pid }) => pid))
  const { make, receipts } = makeOfX((own, runId) => {
    lookAt()
    own.started(runId, 77)
    lookAt()
    own.exited(exitOf(runId, 0, 0))
  }, undefined)
  make.run(emptyState, [buildId(1)])
  make.start(emptyState, [buildId(1)])
  await until(() => receipts.length > 0)
  expect(pids).toEqual([undefined, 77])
  await make.close()
})

describe('the end of a run that has left a note', () => {
  /** `x`, which has noted something and exits with 0 when told to. */
  const noting = () => {
    const notes: Run[] = []
    let exit = (): void => {}
    const { make, receipts } = makeOfX(
      (own, runId) => {
        own.noted({ runId, cwd: folder.path, names: ['src'], looks: new Int32Array(NOTE_STRIDE) })
        exit = () => own.exited(exitOf(runId, 0, 0))
      },
      (run) => notes.push(run),
    )
    make.run(emptyState, [buildId(1)])
    make.start(emptyState, [buildId(1)])
    return { make, receipts, run: notes[0]!, exit }
  }
  const turns = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

  it('waits for the answer', async () => {
    const { make, receipts, run, exit } = noting()
    exit()
    await turns()
    expect(receipts).toEqual([])
    make.answered(run, true)
    await until(() => receipts.length > 0)
    expect(receipts).toMatchObject([{ _tag: 'done' }])
    await make.close()
  })

  it('is a failure, if the answer is no', async () => {
    const { make, receipts, run, exit } = noting()
    make.answered(run, false)
    exit()
    await until(() => receipts.length > 0)
    expect(receipts).toMatchObject([{ _tag: 'failed', error: { _tag: 'exit', code: 1 } }])
    await make.close()
  })

  it.each(['before', 'after'])('does not wait when it is told to end %s that', async (when) => {
    const { make, receipts, run, exit } = noting()
    if (when === 'before') make.endRun(run)
    exit()
    if (when === 'after') make.endRun(run)
    await until(() => receipts.length > 0)
    // Whether what it read is what is known was not found out.
    expect(receipts).toMatchObject([{ _tag: 'failed', error: { _tag: 'exit', code: 1 } }])
    await make.close()
  })
})
