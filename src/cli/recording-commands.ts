/** Which commands read recordings. What they do is loaded only for them: `commands.ts`. */

const NAMES = ['replay', 'step', 'diff', 'log', 'fork', 'shrink']

/** `redford why` asks the project's own state unless a recording is spoken of. */
export const isOfRecording = (name: string, args: readonly string[]): boolean =>
  NAMES.includes(name) ||
  ((name === 'why' || name === 'why-not') && args.some((arg) => /^--(recording|at)(=|$)/.test(arg)))

/** For `redford help`; each has a `--help` of its own. */
export const RECORDING_USAGE = `  redford log [FILE]         what a recording says happened, a line a tick, or --builds: a build; FILE: the last one, if not said
  redford replay FILE        what it holds; --verify: whether the same states come of it; --mode counterfactual: what would have
                             been, --policy NAME or FILE (see redford lab --help), --jobs N; --mode reexecute: whether rules, run again, come to the same;
                             --rules MODULE exports them, if redford.config.js does not
  redford step FILE          goes through it, tick by tick
  redford diff A B           where two of them part, and why; diff FILE --from TICK --to TICK: what became of which build
  redford why TARGET --recording FILE --at TICK   why, as of then; why-not, too
  redford fork FILE --at TICK   its beginning, as a recording of its own, for a program to go on from; --output FILE
  redford shrink FILE --test CMD   the smallest one for which CMD, given its path, ends with 0; --output FILE, --tries N
`
