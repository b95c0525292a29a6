/** Runs that stand by in the spawner, in the order in which it starts them (decision 022): nobody but make knows of them until then. */
import type { BuildId } from '../model/ids.js'
import type { Run } from './run.js'

export class Standbys {
  private readonly waiting: Run[] = []
  /** What stood by and is not to run after all, until the spawner has let go of it. */
  private readonly dropped = new Map<number, Run>()

  get size(): number {
    return this.waiting.length
  }

  get all(): readonly Run[] {
    return [...this.waiting, ...this.dropped.values()]
  }

  /** What is started next. */
  get first(): Run | undefined {
    return this.waiting[0]
  }

  /** Nothing can be added while the spawner may still start what it was told to let go of. */
  get isSettled(): boolean {
    return this.dropped.size === 0
  }

  has(run: Run): boolean {
    return this.waiting.includes(run)
  }

  of(build: BuildId): Run | undefined {
    return this.waiting.find((run) => run.build === build)
  }

  add(run: Run): void {
    this.waiting.push(run)
  }

  /** The run with that id, which does not stand by any more. */
  take(id: number): Run | undefined {
    const at = this.waiting.findIndex((run) => run.id === id)
    return at < 0 ? undefined : this.waiting.splice(at, 1)[0]
  }

  /** Takes those away that are not to run. */
  drop(isToRun: (run: Run) => boolean): readonly Run[] {
    const dropped = this.waiting.filter((run) => !isToRun(run))
    for (const run of dropped) this.dropped.set(run.id, this.take(run.id)!)
    return dropped
  }

  /** The spawner has let go of it. */
  forget(id: number): Run | undefined {
    const run = this.dropped.get(id)
    this.dropped.delete(id)
    return run
  }
}
