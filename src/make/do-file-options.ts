/** What make for do-files needs of whoever has it. */
import type { Receipt } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import type { Note } from './forkserver-messages.js'
import type { Published } from './publish.js'
import type { Run } from './run.js'
import type { Naming } from './scanner.js'
import type { Spawner, SpawnHandlers } from './spawner.js'

/** What a run inherits from the session it is for. */
export interface RunSettings {
  /** Names the environment, which was given to the spawner with `define`. */
  readonly envId: number
  /** Flags for sh, as in `-ex`. */
  readonly shellFlags: string
  /** What it makes has a mode less this. */
  readonly umask: number
}

export interface DoFileOptions {
  /** Absolute path of the root, which is the process's working folder. */
  readonly root: string
  readonly naming: Naming
  /** Started when first needed: a build with nothing to do needs none. */
  readonly spawner: (handlers: SpawnHandlers) => Spawner
  /** The C program, for looking at many files at once. */
  readonly program: string | undefined
  readonly settingsOf: (session: BuildId) => RunSettings
  /** First run id; ids of earlier processes must not be used again. */
  readonly firstRun: number
  /** Told as soon as a run has ended with exit code 0, before its result is looked at. */
  readonly ended: (build: BuildId) => void
  readonly settle: (receipt: Receipt) => void
  /** Told before outputs are put in place; must be durable when it returns. */
  readonly intend: (files: readonly { name: string; ino: bigint; size: number }[]) => void
  readonly onStart: (run: Run) => void
  /** `isSilent`: it said nothing on standard error, and its file is for us to keep. */
  readonly onEnd: (run: Run, ended: Published, isSilent: boolean) => void
  readonly onTrouble: (text: string) => void
  /** The forkserver was started; called before anything runs under it. */
  readonly onSpawner: (pid: number) => void
  /** It ended by itself; what it started may still run, and must not when this returns. */
  readonly onLost: (pid: number) => void
  /** A do-file has read sources, without waiting for an answer; see `answered` of make. None: they must ask. */
  readonly onNote: ((run: Run, note: Note) => void) | undefined
}
