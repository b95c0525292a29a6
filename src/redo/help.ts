/** `--help` of each command. */

const about: Readonly<Record<string, string>> = {
  redo: `redo [OPTIONS] [TARGET...]
Runs the do-files of the targets in any case, and brings what they depend on up to date. Without a target: all.
`,
  'redo-ifchange': `redo-ifchange [OPTIONS] [TARGET... | -]
Brings the targets up to date. In a do-file it also makes them dependencies of what the do-file makes. -: names come
from standard input, one a line.
`,
  'redo-ifcreate': `redo-ifcreate FILE...
In a do-file: what it makes is out-of-date once one of the files, which must not exist, exists.
`,
  'redo-always': `redo-always
In a do-file: what it makes is out-of-date in every build.
`,
  'redo-stamp': `redo-stamp < DATA
In a do-file: what it makes counts as changed only if DATA did.
`,
  'redo-whichdo': `redo-whichdo [--json] TARGET
Lists the do-files that are looked for, up to the one that is there, or the config that makes the target.
Exit 1: nothing does.
`,
  'redo-targets': `redo-targets [--json]
Lists what was built.
`,
  'redo-sources': `redo-sources [--json]
Lists the files that builds depend on and that were not built.
`,
  'redo-ood': `redo-ood [--json]
Lists the targets that are out-of-date. Builds nothing.
`,
  'redford-why': `redford why [--json] TARGET
Says why the target was last made: from what caused it down to the file that changed, and what nearly had it not made.
With --recording FILE or --at TICK: as of a tick of a recording (see redford why --recording FILE --help).
`,
  'redford-why-not': `redford why-not [--json] TARGET
Says why the target was not made: nothing that it depends on changed, nobody asked for it, or what it waits for.
With --recording FILE or --at TICK: as of a tick of a recording (see redford why-not --recording FILE --help).
`,
  'redo-recheck': `redo-recheck
In a do-file: what the build asks for from now on is looked at again.
`,
}

const options = `
  -j N, --jobs N     run at most N do-files at once (default: the number of cores)
  -k, --keep-going   after a failure, go on with what does not depend on it
  -x, --xtrace       sh shows the commands of do-files (sh -x)
  -v, --verbose      sh shows the lines of do-files (sh -v); names are indented by who asked for them
  --force            run in any case, also over a file changed by hand or not built here
  --overwrite        the same
  --take             a target changed by hand is a source from now on
  --no-daemon        do it in this process
  --policy P         what is begun first, from now on: criticalPath (the default), fullBatch, shortestRemaining, fairShare ...
  --class NAME       what kind of request it is, for policies that share among classes: fairShare, perClass
  --deadline MS      in how many ms it should be done, for the policy deadline: what is due first comes first
  --trace FILE       append a line of JSON for each demand, scan, run, block, resume, done, broken, respond
  --record FILE      record the build into FILE, for redford replay, step, diff, log, why
  --help, --version

In a do-file -j, -x, -v and --no-daemon change nothing, and --take, --policy, --class, --deadline, --trace, --record are refused.

Exit: 0; 1 a target failed (its line names the do-file's code, or redo's own: 204 bad name, 206 wrote $1, 207 two outputs,
208 cycle, 209 cannot be put in place); 2 usage; 205 no daemon can be had; 129, 130, 143 ended by a signal; 70 a fault of redo.
`

export const helpFor = (command: string): string => {
  const text = about[command] ?? `${command}\n`
  const takesOptions = command === 'redo' || command === 'redo-ifchange'
  return `usage: ${text}${takesOptions ? options : ''}`
}
