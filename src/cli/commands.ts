/** The commands that read recordings, by name. */
import { diffCommand } from './diff.js'
import { forkCommand } from './fork.js'
import { logCommand } from './log.js'
import { OK, type Out, processOut } from './recording.js'
import { recordingHelp } from './recording-help.js'
import { replayCommand } from './replay.js'
import { shrinkCommand } from './shrink.js'
import { stepCommand } from './step.js'
import { whyCommand } from './why.js'

const COMMANDS: Readonly<Record<string, (args: readonly string[], out: Out) => Promise<number>>> = {
  replay: replayCommand,
  step: stepCommand,
  fork: forkCommand,
  diff: diffCommand,
  log: logCommand,
  shrink: shrinkCommand,
  why: (args, out) => whyCommand('why', args, out),
  'why-not': (args, out) => whyCommand('why-not', args, out),
}

/** `name` is one of them. Gives the exit code. */
export const runRecordingCommand = (name: string, args: readonly string[]): Promise<number> => {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(recordingHelp(name))
    return Promise.resolve(OK)
  }
  // Whoever read enough hangs up, as `redford log | head` does.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(141)
  })
  return COMMANDS[name]!(args, processOut)
}
