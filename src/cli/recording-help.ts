/** `--help` of each command that reads recordings. */

const EXIT = `
Exit: 0; 1 there is a difference, a fault, or nothing of what was asked for; 2 usage, or the file cannot be read.
`

const TEXTS: Readonly<Record<string, string>> = {
  log: `redford log [--builds] [--json] [FILE]
Says what a recording holds: what happened, a line a tick. FILE: the last one of the project, if not said.

  --builds           a line a build that ran: when it began, how long it took, what came of it
  --json             a line of JSON each
`,
  replay: `redford replay [OPTIONS] FILE
Says what a recording holds, whether it holds, and what would have been.

  --verify           whether the same states come of what was recorded: nobody's code runs
  --mode reexecute   whether the rules of a program, run again with the answers that they got, come to the same
  --rules MODULE     of --mode reexecute: the module that exports the rules as \`rules\` (else redford.config.js)
  --mode counterfactual   how long it would have taken, with what of the following is otherwise; with nothing, as it was
  --policy P         by name, or the file of one (see redford lab --help)
  -j N, --jobs N     with so many slots for do-files
  --json             an object
`,
  step: `redford step [--json] FILE
Goes through a recording, tick by tick, in a terminal by hand; else it reads commands from standard input, one a line.

  f [N], b [N]       forward, back, by N ticks; also an empty line, and the arrows
  g N, g end         to tick N, to the last one
  w TARGET STATUS    to the first tick from here on in which the target is that: unknown, scan, parked, waiting, ready, blocked,
                     start, answer, running, ended, rest, broken
  s TARGET           shows the target
  i                  what is under way
  d                  what this tick changed
  h, q               the commands; the end
  --json             a line of JSON for whatever is shown
`,
  diff: `redford diff [--json] A B
Says where two recordings part, and by what, by name. Where they do the same in another order, or at other times, that is said, and
nothing differs. Those that begin with different states, as two builds of one project do that come
one after the other, are compared by the names of their builds, the cause first.

redford diff [--from TICK] [--to TICK] [--json] FILE
Says what became of which build between two ticks of one (from the beginning, to the end).

Exit: 0 nothing differs in what came out; 1 something does; 2 usage, or a file cannot be read.
`,
  fork: `redford fork FILE --at TICK [-o OUTPUT] [--json]
Writes the beginning of a recording, up to and with the tick, as one of its own: to be kept, or to be gone on from by a program
(\`replay(OUTPUT, { rules }).fork(TICK)\`).

  -o, --output FILE  where (FILE.TICK, if not said); a recording that is there is replaced
`,
  shrink: `redford shrink FILE --test CMD [-o OUTPUT] [--tries N] [--json]
Looks for the smallest recording for which CMD, given its path as the last argument, ends with 0.

  -o, --output FILE  where (FILE.small, if not said); a recording that is there is replaced
  --tries N          how often CMD is run at most
`,
  why: `redford why TARGET --recording FILE [--at TICK] [--json]
Says why the target had last been made, as of a tick of a recording (of the last one). TARGET: a file, or what a rule makes, as 'page("index")'.

  --recording FILE   the last one of the project, if not said and --at is
`,
  'why-not': `redford why-not TARGET --recording FILE [--at TICK] [--json]
Says why the target had not been made, as of a tick of a recording (of the last one). TARGET: a file, or what a rule makes, as 'page("index")'.

  --recording FILE   the last one of the project, if not said and --at is
`,
}

/** `name` is one of them. */
export const recordingHelp = (name: string): string => {
  const text = TEXTS[name]!
  return `usage: ${text}${text.includes('\nExit: ') ? '' : EXIT}`
}
