/**
 * How Node runs a daemon, which waits most of its life: what it holds meanwhile matters more than the last bit of speed. It collects
 * garbage when idle.
 */
const FLAGS = ['--max-semi-space-size=2', '--expose-gc']

/**
 * A build of a thousand targets is over before most of what V8 would optimize has paid for that, on cores that its do-files need: the
 * budget, more than four times the usual one, is how long a function runs until then. What is compiled without being optimized is cheap to
 * have, and so is had at once: 7 % of a first build. Later versions refuse to start with the budget.
 */
const FLAGS_OF_20 = ['--interrupt-budget=600000', '--always-sparkplug']

/** `version`: of Node, as in process.versions. */
export const daemonFlags = (version: string): readonly string[] =>
  version.startsWith('20.') ? [...FLAGS, ...FLAGS_OF_20] : FLAGS
