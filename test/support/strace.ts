/**
 * Kills processes at their system calls. `strace` lets the SIGKILL land just before the k-th call of a kind that a thread makes, which
 * finds what random kills do not: there are few instants at which a crash can hurt, and each is next to such a call.
 */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { type Space, until } from './space.js'

/** Kinds of calls that change the disk. A leading ? lets strace accept a name that this machine's processor lacks. */
export const callKinds = {
  data: '?pwrite64,?pwritev,?fdatasync,?fsync,?ftruncate',
  names: '?rename,?renameat,?renameat2,?link,?linkat,?unlink,?unlinkat,?mkdir,?mkdirat',
} as const
export type CallKind = keyof typeof callKinds

/** May this machine trace and inject? Containers often refuse; then these tests say so and are skipped. */
export const straceWorks = ((): boolean => {
  const calls = callKinds.names
  const child = spawnSync('strace', [
    '-f',
    '-o',
    '/dev/null',
    '-e',
    `trace=${calls}`,
    '-e',
    `inject=${calls}:error=EIO:when=1`,
    'true',
  ])
  return child.status === 0
})()

// One libuv worker: the count is kept per thread, and only so is "the k-th call" an instant that each run reaches.
const env = { UV_THREADPOOL_SIZE: '1' }

/**
 * Runs a command under strace with everything it starts, and comes back when the command has ended and, if the kill did not meet the
 * engine, the engine has been stopped. `options` are strace's own.
 */
const traced = async (space: Space, options: readonly string[], command: string): Promise<void> => {
  space.remove('../ended')
  const script = `${command}; echo $? >"$0"`
  // Not --seccomp-bpf, fast as it is: with it the signal never lands.
  const args = ['-f', '-qq', ...options, 'sh', '-c', script, `${space.base}/ended`]
  const strace = space.start('strace', args, { env, timeoutMs: 25_000 })
  let isOver = false
  const over = strace.done.then(() => {
    isOver = true
  })
  await until('the traced command has ended', () => isOver || (space.read('../ended') ?? '') !== '', 20_000)
  if (!isOver) await space.run('redford', ['stop'])
  await over
}

/** How many calls of a kind the busiest thread makes during the command: the largest k worth a kill. */
export const countCalls = async (space: Space, kind: CallKind, command: string): Promise<number> => {
  const log = `${space.base}/strace.log`
  await traced(space, ['-o', log, '-e', `trace=${callKinds[kind]}`, '-e', 'signal=none'], command)
  const counts = new Map<string, number>()
  for (const line of fs.readFileSync(log, 'latin1').split('\n')) {
    const thread = /^(\d+) +\w+\(/.exec(line)?.[1]
    if (thread !== undefined) counts.set(thread, (counts.get(thread) ?? 0) + 1)
  }
  return Math.max(0, ...counts.values())
}

/** Runs the command; whichever process comes first to its k-th call of the kind dies there. */
export const killAtCall = (space: Space, kind: CallKind, k: number, command: string): Promise<void> => {
  const calls = callKinds[kind]
  return traced(
    space,
    ['-o', '/dev/null', '-e', `trace=${calls}`, '-e', `inject=${calls}:signal=KILL:when=${k}`],
    command,
  )
}

/** `count` instants spread over 1..max with both ends; all of them where REDFORD_KILLS=all, which takes minutes. */
export const instants = (max: number, count: number): readonly number[] => {
  if (process.env.REDFORD_KILLS === 'all' || max <= count) return Array.from({ length: max }, (_, index) => index + 1)
  const spread = Array.from({ length: count }, (_, index) => 1 + Math.round((index * (max - 1)) / (count - 1)))
  return [...new Set(spread)]
}
