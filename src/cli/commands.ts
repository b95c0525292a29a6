/** The commands that read recordings, by name. */
import { diffCommand } from './diff.js'
import { logCommand } from './log.js'
import type { Out } from './recording.js'
import { replayCommand } from './replay.js'
import { shrinkCommand } from './shrink.js'
import { stepCommand } from './step.js'
import { isOfRecording, whyCommand } from './why.js'

type Command = (args: readonly string[], out: Out) => Promise<number>

const COMMANDS: Readonly<Record<string, Command>> = {
  replay: replayCommand,
  step: stepCommand,
  diff: diffCommand,
  log: logCommand,
  shrink: shrinkCommand,
}

export const RECORDING_USAGE = `  redford log [FILE]         what a recording says happened, a line a tick, or --builds: a build; FILE: the last one, if not said
  redford replay FILE        what it holds; --verify: whether the same states come of it; --mode counterfactual: what would have
                             been, --policy NAME or FILE (see redford lab --help), --jobs N
  redford step FILE          goes through it, tick by tick
  redford diff A B           where two of them part, and why; diff FILE --from TICK --to TICK: what became of which build
  redford why TARGET --recording FILE --at TICK   why, as of then; why-not, too
  redford shrink FILE --test CMD   the smallest one for which CMD, given its path, ends with 0; --output FILE, --tries N
`

/** Undefined: it is none of them. */
export const recordingCommand = (name: string, args: readonly string[]): Command | undefined => {
  if (name === 'why' || name === 'why-not')
    return isOfRecording(args) ? (rest, out) => whyCommand(name, rest, out) : undefined
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
}
