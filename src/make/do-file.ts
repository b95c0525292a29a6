/**
 * Make for do-files: looks at files, finds do-files, runs them, and puts what they made in place. Impure, and the only part
 * that touches targets.
 */
import { constants } from 'node:os'
import * as E from 'fp-ts/lib/Either.js'
import type { Effect, Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { LOOK_FAILED } from '../model/look.js'
import { Flag, Flight, hasFlag, type State, Status, statusOf } from '../model/state.js'
import { read } from '../model/table.js'
import type { DoFileOptions } from './do-file-options.js'
import type { Note, RunRequest } from './forkserver-messages.js'
import { Grace } from './grace.js'
import { interpreterOf, isDoFile } from './interpreter.js'
import { faultOf, look, lookAtItself, type OwnLook } from './look.js'
import { isThere } from './look-words.js'
import { type Candidate, candidatesFor, isToBeMade } from './lookup.js'
import { baseOf, folderOf, joinPath, relativePath } from './path.js'
import { type Finished, NOT_PLACED, publish, writeOutput } from './publish.js'
import { receiptOf, refusal } from './receipts.js'
import type { Run } from './run.js'
import { Scanner } from './scanner.js'
import { type End, exitOf, type Spawner } from './spawner.js'
import { Standbys } from './standbys.js'
import { type Begun, removeFiles, Temporaries, temporaryName } from './temporary.js'
import { Timing } from './timing.js'

export class DoFileMake {
  readonly runs = new Map<number, Run>()
  /** What was put in place since it was last asked for: its intents are done once a state is committed that tells of it. */
  private settled: Run[] = []
  private readonly options: DoFileOptions
  private readonly chosen = new Map<BuildId, Candidate>()
  private readonly byBuild = new Map<BuildId, Run>()
  private readonly finished: Finished[] = []
  /** What is up next, handed to the spawner already. */
  private readonly standbys = new Standbys()
  private readonly grace = new Grace()
  private readonly environments = new Map<number, Buffer>()
  private readonly temporaries = new Temporaries()
  private started: Spawner | undefined = undefined
  private nextRun: number
  readonly scan: Scanner['scan']
  readonly changedOf: Scanner['changedOf']

  constructor(options: DoFileOptions) {
    this.options = options
    const { scan, changedOf } = new Scanner(options.naming, options.program)
    this.scan = scan
    this.changedOf = changedOf
    this.nextRun = options.firstRun
  }

  /** Gives `envId` a meaning: NAME=value strings, each with a NUL behind it. */
  define(envId: number, env: Buffer): void {
    this.environments.set(envId, env)
    this.started?.define(envId, env)
  }

  /** The forkserver, started if it was not yet. */
  private get spawner(): Spawner {
    if (this.started !== undefined) return this.started
    const spawner = this.options.spawner({
      begun: (pid) => this.options.onSpawner(pid),
      started: (runId, pid) => {
        this.settleStandby(runId)
        const run = this.runs.get(runId)
        if (run !== undefined) run.pid = pid
      },
      noted: (note) => this.onNote(note),
      exited: (exit) => this.onExit(exit.runId, exit),
      failed: (runId, errno, text) => this.onExit(runId, { errno, text }),
      retrying: (_, __, delayMs) =>
        this.options.onTrouble(`the system is short of processes, files or memory; trying again in ${delayMs} ms`),
      lost: (why) => {
        this.started = undefined
        this.options.onLost(spawner.pid)
        this.options.onTrouble(`the process that starts do-files is gone: ${why}`)
      },
    })
    for (const [envId, env] of this.environments) spawner.define(envId, env)
    if (this.options.onNote !== undefined) spawner.notes?.()
    this.started = spawner
    return spawner
  }

  /** What an earlier process, ended without warning, may have left half made. */
  get begun(): readonly Begun[] {
    return this.temporaries.begun
  }

  /** Names put in place whose results `state` holds. Those of receipts that it has not reduced are still only intended. */
  takeSettled(state: State): readonly string[] {
    const isTold = ({ build }: Run): boolean => statusOf(state, build) === Status.REST
    const settled = this.settled.filter(isTold)
    this.settled = this.settled.filter((run) => !isTold(run))
    return settled.map(({ name }) => name)
  }

  runOf(build: BuildId): Run | undefined {
    return this.byBuild.get(build)
  }

  /** The run whose token this is. Its requests may be here before the word that it was started. */
  runWithToken(token: string): Run | undefined {
    const id = Number(token)
    this.settleStandby(id)
    return this.runs.get(id)
  }

  /** Ends everything that runs, and the forkserver. */
  async close(): Promise<void> {
    this.grace.close()
    await this.started?.close()
    for (const run of [...this.runs.values(), ...this.standbys.all]) removeFiles(run)
    this.temporaries.forget()
    this.temporaries.close()
  }

  // ---------------------------------------------------------------------------------------------- run

  /** Finds each target's do-file. */
  readonly run = (state: State, xs: readonly BuildId[]): readonly Receipt[] => xs.map((x) => this.find(state, x))

  private find(state: State, x: BuildId): Receipt {
    const { naming } = this.options
    const name = naming.nameOf(x)
    const missing: BuildId[] = []
    for (const candidate of candidatesFor(name)) {
      const doFile = naming.intern(candidate.doFile)
      if (isDoFile(candidate.doFile) || isToBeMade(state, doFile, candidate.doFile)) {
        this.chosen.set(x, candidate)
        return { _tag: 'blocked', build: x, needs: [doFile], create: missing, slot: true }
      }
      missing.push(doFile)
    }
    const seen = look(name)
    // It may be there, and its do-file, too: what it was is not forgotten.
    if (seen.kind === LOOK_FAILED) return { ...refusal(x, seen, 1, faultOf(name)), create: missing }
    return { _tag: 'failed', build: x, error: { _tag: 'noRule' }, exists: isThere(seen), create: missing }
  }

  // ---------------------------------------------------------------------------------------------- start

  readonly start = (state: State, builds: readonly BuildId[]): readonly Receipt[] =>
    builds.flatMap((x) => this.startOne(state, x))

  private startOne(state: State, x: BuildId): readonly Receipt[] {
    const standby = this.standbys.of(x)
    if (standby !== undefined) {
      this.spawner.go!(standby.id)
      this.joinStandby(standby.id)
    } else {
      // Started by itself a moment ago: its receipt is on its way.
      if (this.byBuild.has(x)) return []
      const ready = this.ready(state, x)
      this.chosen.delete(x)
      if (E.isLeft(ready)) return [ready.left]
      const { run, request } = ready.right
      this.runs.set(run.id, run)
      this.byBuild.set(x, run)
      run.timing.start()
      this.spawner.run(request)
      this.options.onStart(run)
    }
    return [{ _tag: 'started', build: x }]
  }

  /** Has `next`, which start once there are slots, stand by in the spawner, and takes back what stood by and is not to be started any more. */
  readonly standBy = (state: State, next: readonly BuildId[]): void => {
    // Should it run by now, it ends as one that was started in vain.
    for (const { id } of this.standbys.drop((run) => statusOf(state, run.build) === Status.START))
      this.spawner.kill(id, constants.signals.SIGKILL)
    for (const x of next) {
      if (this.standbys.size >= next.length || !this.standbys.isSettled || this.spawner.standby === undefined) return
      if (this.standbys.of(x) !== undefined) continue
      if (!this.chosen.has(x) || this.byBuild.has(x)) continue
      const ready = this.ready(state, x)
      // Why it cannot start is told when it is to.
      if (E.isLeft(ready)) continue
      this.standbys.add(ready.right.run)
      this.spawner.standby(ready.right.request)
    }
  }

  /** What stood by runs. */
  private joinStandby(id: number): Run | undefined {
    const run = this.standbys.take(id)
    if (run === undefined) return undefined
    run.timing.start()
    this.chosen.delete(run.build)
    this.runs.set(run.id, run)
    this.byBuild.set(run.build, run)
    this.options.onStart(run)
    return run
  }

  /** If it stood by, the spawner has started it. */
  private settleStandby(id: number): void {
    const run = this.joinStandby(id)
    if (run !== undefined) this.options.settle({ _tag: 'started', build: run.build })
  }

  /** All that starting it takes. Left: why it cannot be. */
  private ready(state: State, x: BuildId): E.Either<Receipt, { readonly run: Run; readonly request: RunRequest }> {
    const candidate = this.chosen.get(x)
    const before = lookAtItself(this.options.naming.nameOf(x))
    const refuse = (code: number, why: string): E.Either<Receipt, never> => E.left(refusal(x, before, code, why))
    if (candidate === undefined) return refuse(1, 'its do-file is not there')
    if (hasFlag(state, this.options.naming.intern(candidate.doFile), Flag.BROKEN))
      return refuse(1, `its do-file ${candidate.doFile} is broken`)
    const settings = this.options.settingsOf(read(state.flight, x, Flight.SESSION) as BuildId)
    const interpreter = E.tryCatch(() => interpreterOf(candidate.doFile, settings.shellFlags), E.toError)
    if (E.isLeft(interpreter)) return refuse(1, `its do-file cannot be read: ${interpreter.left.message}`)
    if (interpreter.right === undefined) return refuse(1, 'its do-file is not there')
    const begun = this.begin(state, x, candidate, before)
    if (E.isLeft(begun)) return refuse(NOT_PLACED, begun.left)
    const run = begun.right
    const request = {
      runId: run.id,
      envId: settings.envId,
      umask: run.umask,
      cwd: joinPath(this.options.root, candidate.folder),
      stdoutPath: run.stdout,
      stderrPath: run.stderr,
      extraEnv: [`REDFORD_TOKEN=${run.id}`],
      argv: [...interpreter.right, candidate.target, candidate.stem, relativePath(candidate.folder, run.output)],
    }
    return E.right({ run, request })
  }

  /** Notes a run, whose temporary files are its own from now on. Left: why that cannot be. */
  private begin(state: State, x: BuildId, candidate: Candidate, before: OwnLook): E.Either<string, Run> {
    const id = this.nextRun++
    const name = this.options.naming.nameOf(x)
    const session = read(state.flight, x, Flight.SESSION) as BuildId
    const { umask } = this.options.settingsOf(session)
    const run: Run = {
      id,
      build: x,
      name,
      candidate,
      session,
      output: joinPath(folderOf(name), temporaryName(baseOf(name), id)),
      stdout: this.temporaries.outputFile(id, umask),
      stderr: this.temporaries.errorFile(id),
      before,
      umask,
      pid: undefined,
      unanswered: 0,
      isRefused: false,
      isToEnd: false,
      held: undefined,
      timing: new Timing(),
    }
    try {
      this.temporaries.note(run)
    } catch (error) {
      return E.left(`it cannot be noted in .redford: ${(error as Error).message}`)
    }
    return E.right(run)
  }

  /** Has `content` put in place of `x`, as what a do-file wrote would be. */
  place(state: State, x: BuildId, candidate: Candidate, content: string | Uint8Array): Receipt {
    const before = lookAtItself(this.options.naming.nameOf(x))
    const refuse = (why: string): Receipt => refusal(x, before, NOT_PLACED, why)
    const begun = this.begin(state, x, candidate, before)
    if (E.isLeft(begun)) return refuse(begun.left)
    const run = begun.right
    this.runs.set(run.id, run)
    this.byBuild.set(x, run)
    try {
      writeOutput(run, content)
    } catch (error) {
      this.runs.delete(run.id)
      this.byBuild.delete(x)
      this.temporaries.noteFailed(run)
      return refuse(`its output cannot be written: ${(error as Error).message}`)
    }
    this.options.onStart(run)
    setImmediate(() => this.onExit(run.id, exitOf(run.id, 0, 0)))
    return { _tag: 'started', build: x }
  }

  // ---------------------------------------------------------------------------------------------- end

  private onNote(note: Note): void {
    this.settleStandby(note.runId)
    const run = this.runs.get(note.runId)
    if (run === undefined) return
    run.unanswered++
    this.options.onNote?.(run, note)
  }

  /** The note of a run was taken in; not `ok`: what it read is not to be had. */
  answered(run: Run, ok: boolean): void {
    run.unanswered--
    run.isRefused ||= !ok
    if (run.unanswered === 0) this.letGo(run)
  }

  private onExit(runId: number, end: End): void {
    this.settleStandby(runId)
    const run = this.runs.get(runId)
    if (run === undefined) return this.onDropped(runId)
    run.timing.end()
    // One that fails anyway, or is to end, has nothing to wait for.
    if (run.unanswered > 0 && !run.isToEnd && 'exitCode' in end && end.exitCode === 0) run.held = end
    else this.conclude(run, end)
  }

  private letGo(run: Run): void {
    const { held } = run
    run.held = undefined
    if (held !== undefined) this.conclude(run, held)
  }

  /** What a do-file would have done that asked and was refused: fail. */
  private conclude(run: Run, how: End): void {
    const end = run.isRefused && 'exitCode' in how && how.exitCode === 0 ? { ...how, exitCode: 1 } : how
    if (this.finished.length === 0) setImmediate(this.finish)
    this.finished.push({ run, end })
    // The next run is started before this one's result is put in place, unless it may be one that must not start any more.
    if (!('exitCode' in end) || end.exitCode !== 0) return
    const { first } = this.standbys
    if (first === undefined) this.options.ended(run.build)
    // Mostly it was started in this one's place, which we are told in the same breath: then nothing is to be chosen before the result.
    else queueMicrotask(() => this.standbys.has(first) && this.options.ended(run.build))
  }

  /** All that ended since the last turn, under one intent. */
  private readonly finish = (): void => {
    const batch = this.finished.splice(0)
    const results = publish(batch, this.options.intend)
    for (const [i, result] of results.entries()) {
      const { run, end } = batch[i]!
      const exit = 'exitCode' in end ? end : undefined
      // Processes that the do-file left in its background.
      if (exit?.hasCompany === true) this.grace.endLater((signal) => this.started?.kill(run.id, signal))
      this.runs.delete(run.id)
      this.byBuild.delete(run.build)
      if (result.intended) this.settled.push(run)
      if (E.isLeft(result.outcome)) this.temporaries.noteFailed(run)
      this.options.onEnd(run, result, exit?.isStderrUnused === true)
      if (exit !== undefined) this.temporaries.takeBack(run, exit)
      this.options.settle(receiptOf(run, result))
    }
    this.rest()
  }

  private onDropped(runId: number): void {
    const run = this.standbys.forget(runId)
    if (run === undefined) return
    removeFiles(run)
    this.temporaries.noteFailed(run)
    this.rest()
  }

  /** No temporary file is anybody's, if nothing runs. */
  private rest(): void {
    if (this.runs.size === 0 && this.standbys.all.length === 0) this.temporaries.forget()
  }

  readonly perform = (effect: Effect): void => {
    const run = this.byBuild.get(effect.build)
    if (run !== undefined) this.endRun(run)
  }

  /** Tells the run's processes to end, and ends them if they do not. */
  endRun(run: Run): void {
    // What it has noted is not known to be so.
    if (run.unanswered > 0) run.isRefused = true
    run.isToEnd = true
    this.letGo(run)
    this.grace.end(
      (signal) => this.started?.kill(run.id, signal),
      () => !this.runs.has(run.id),
    )
  }
}
