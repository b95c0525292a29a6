/** One run of a do-file, from its start to its end. */
import type { BuildId } from '../model/ids.js'
import type { OwnLook } from './look.js'
import type { Candidate } from './lookup.js'
import type { End } from './spawner.js'
import type { Timing } from './timing.js'

export interface Run {
  /** Also the token by which its requests are known. */
  readonly id: number
  readonly build: BuildId
  readonly name: string
  readonly candidate: Candidate
  readonly session: BuildId
  /** Paths relative to the root. */
  readonly output: string
  readonly stdout: string
  readonly stderr: string
  /** What it makes has a mode less this. */
  readonly umask: number
  /** What stood in the target's place before; of a link, the link itself. */
  readonly before: OwnLook
  /** Of its program; undefined before that runs, and where nothing runs. */
  pid: number | undefined
  /** Its notes that the engine has not answered yet (decision 041): it does not end before. */
  unanswered: number
  /** One of them was answered with no. */
  isRefused: boolean
  /** It was told to end: it has nothing to wait for. */
  isToEnd: boolean
  /** Its end, while that waits. */
  held: End | undefined
  readonly timing: Timing
}
