/** Runs functions of other files in worker threads: a pool of them for each name, made when it is first needed. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import type { Piscina } from 'piscina'
import type { ThreadFunction } from '../model/definition.js'

/** How long a thread without work is kept. */
const IDLE_MS = 10_000

export class Threads {
  private readonly pools = new Map<string, Promise<Pool>>()

  /** `sizes`: how many threads each pool may have. No more than that are asked for at the same time. `onError`: hears what is thrown in one that has no work. */
  constructor(
    private readonly sizes: ReadonlyMap<string, number>,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** What the function makes of `key`. A thread whose work is aborted is ended. */
  async run(task: ThreadFunction, name: string, key: unknown, signal: AbortSignal): Promise<unknown> {
    let pool = this.pools.get(name)
    if (pool === undefined) {
      pool = poolOf(this.sizes.get(name)!, this.onError)
      this.pools.set(name, pool)
    }
    return (await pool).run(task, key, signal)
  }

  /** Ends all threads; resolved when they are gone. */
  async close(): Promise<void> {
    const pools = [...this.pools.values()]
    this.pools.clear()
    await Promise.all(pools.map(async (pool) => (await pool).close()))
  }
}

// Loaded when first needed: most programs have no threads.
const poolOf = async (size: number, onError: (error: unknown) => void): Promise<Pool> => {
  const { Piscina } = await import('piscina')
  // With atomics a thread that waits for work does nothing else, such as write out what it printed.
  const options = { minThreads: 0, idleTimeout: IDLE_MS, atomics: 'disabled', recordTiming: false } as const
  return new Pool(new Piscina({ ...options, maxThreads: size }).on('error', onError))
}

class Pool {
  /** Every thread that has not exited: those of `threads`, and those that it ended and does not speak of any more. */
  private readonly alive = new Set<Worker>()
  private isClosed = false

  constructor(private readonly threads: Piscina) {}

  async run({ file, name }: ThreadFunction, key: unknown, signal: AbortSignal): Promise<unknown> {
    // One that was ended takes its place until it is gone.
    while (this.ending.length > 0) await this.ended()
    signal.throwIfAborted()
    if (this.isClosed) throw new Error('the engine is closed')
    const work = this.threads.run(key, { filename: file, name, signal })
    for (const worker of this.threads.threads) {
      if (this.alive.has(worker)) continue
      this.alive.add(worker)
      worker.once('exit', () => this.alive.delete(worker))
    }
    try {
      return await work
    } catch (error) {
      if (!isCopied(error)) throw new Error(`what ${name} returns or throws cannot be copied out of its thread`)
      throw error instanceof Error ? withPlace(error, fileURLToPath(file), name) : error
    }
  }

  async close(): Promise<void> {
    this.isClosed = true
    await this.threads.destroy()
    await this.ended()
  }

  private get ending(): readonly Worker[] {
    const running = new Set(this.threads.threads)
    return [...this.alive].filter((worker) => !running.has(worker))
  }

  private async ended(): Promise<void> {
    await Promise.all(this.ending.map((worker) => once(worker, 'exit')))
  }
}

/** An error that cannot be copied comes as an object of nothing. */
const isCopied = (error: unknown): boolean =>
  typeof error !== 'object' || error === null || error instanceof Error || Object.keys(error).length > 0

/** Where the function cannot be had, what is said of that names it, and its file. */
const withPlace = (error: Error, path: string, name: string): Error => {
  const { message, stack } = error
  if (message.startsWith('No handler function exported'))
    error.message =
      name === 'default' ? `${path} has no function as its default export` : `${path} exports no function ${name}`
  else if (/^Unknown file extension "\.[cm]?tsx?"/.test(message))
    error.message = `${message}: Node ${process.versions.node} runs no such files: name the one that it is compiled to`
  else if (error instanceof SyntaxError && stack?.includes('node:internal/modules/'))
    error.message = `${path}, or what it imports: ${message}`
  return error
}
