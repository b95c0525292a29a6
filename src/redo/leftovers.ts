/**
 * Do-files that outlive their daemon. It is ended without warning; the forkserver notices and ends its do-files; and should that
 * be gone too, the next daemon ends what is left before it runs anything, so that a target never has two writers.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { Store } from '../store/store.js'

interface Group {
  /** Of the forkserver, which leads a session (in the system's sense) that all do-files are in. */
  readonly pid: number
  readonly start: string
  readonly boot: string
}

const fileText = (path: string): string => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** Fields of /proc/PID/stat behind the name, which may hold anything: state, ppid, pgrp, session, ... starttime is the 20th. */
const statFields = (pid: number | string): readonly string[] => {
  const text = fileText(`/proc/${pid}/stat`)
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

const bootId = (): string => fileText('/proc/sys/kernel/random/boot_id').trim()
const startOf = (pid: number): string => statFields(pid)[19] ?? ''

/** To be told before anything runs in that session. */
export const recordGroup = (store: Store, pid: number): void => {
  const group: Group = { pid, start: startOf(pid), boot: bootId() }
  store.setMeta('group', JSON.stringify(group))
}

/** In a container 0 is what all that began outside of it is in; and it is the number of a forkserver that was never started. */
const membersOf = (session: number): readonly number[] => {
  if (session === 0) return []
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && statFields(name)[3] === String(session))
      .map(Number)
  } catch {
    return []
  }
}

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended by itself.
  }
}

/** Ends at once all that runs in the session of a forkserver which is no more. */
export const killSession = (pid: number): void => {
  for (const member of membersOf(pid)) signal(member, 'SIGKILL')
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * Ends what an earlier daemon left running: asked first, then not asked. Processes of another boot or age are others.
 * Whether there was any.
 */
export const endLeftovers = async (store: Store): Promise<boolean> => {
  const recorded = store.meta('group')
  if (recorded === undefined) return false
  const { pid, start, boot } = JSON.parse(recorded) as Group
  if (boot !== bootId() || boot === '') return false
  // The number may belong to another process by now; as a session's it can only be ours, or nobody's.
  const isReused = startOf(pid) !== '' && startOf(pid) !== start
  if (isReused) return false
  let i = 0
  for (; i < 100 && membersOf(pid).length > 0; i++) {
    for (const member of membersOf(pid)) signal(member, i < 20 ? 'SIGTERM' : 'SIGKILL')
    await pause(10)
  }
  return i > 0
}
