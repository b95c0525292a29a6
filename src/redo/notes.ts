/** Notes of do-files: sources that they read without waiting for an answer (decision 041). */
import type { Note } from '../make/forkserver-messages.js'
import type { Run } from '../make/run.js'
import type { Host } from './host.js'
import { Resolver } from './project.js'

/** Asks the engine for what `run` has noted, as if it had asked itself; its end waits for that. */
export const takeNote = (host: Host, run: Run, { cwd, names, looks }: Note): void => {
  const resolver = new Resolver(host.root, cwd)
  const targets = names.map((name) => host.store.names.intern(resolver.nameOf(name)))
  host.looking.take(targets, looks)
  host.ask(
    {
      _tag: 'requested',
      request: host.store.names.fresh(),
      by: run.build,
      session: run.session,
      targets,
      want: 'ifchange',
      keepGoing: host.sessions.open.get(run.session)?.options.keepGoing === true,
      jobs: 0,
      trust: false,
    },
    (ok) => {
      // One is not known as what was read, so nothing tells whether this is still right: it is made again the next time.
      if (ok && !targets.every((x, i) => host.looking.isKnownAs(x, looks, i)))
        host.engine.dispatch({ _tag: 'always', build: run.build })
      host.make.answered(run, ok)
    },
    false,
  )
}
