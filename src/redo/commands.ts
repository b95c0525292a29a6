/** What each command asks of the host, and what it is answered. */
import * as E from 'fp-ts/lib/Either.js'
import { lookAtItself } from '../make/look.js'
import { isThere } from '../make/look-words.js'
import type { Run } from '../make/run.js'
import type { Want } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Kind, kindOf } from '../model/state.js'
import { badName, type Options, parseOptions, termsOf } from './arguments.js'
import { helpFor } from './help.js'
import type { Host } from './host.js'
import { sourcesOf, targetsOf, unmodifiedTargetsOf } from './known.js'
import { packageVersion } from './native.js'
import { findRoot, Resolver } from './project.js'
import { PROTOCOL } from './protocol.js'
import { askWhy, lookAt, type Question } from './questions.js'
import type { Client } from './server.js'
import { makersOf, namesText } from './unbuilt.js'
import { printable } from './words.js'

const SUCCESS = 0
const FAILURE = 1
const USAGE = 2

/** One command under way. */
interface Call {
  readonly client: Client
  readonly options: Options
  readonly resolver: Resolver
  /** The do-file that asks, if one does. */
  readonly run: Run | undefined
}

export class Commands {
  private readonly host: Host
  private readonly requests = new Map<Client, BuildId>()
  private readonly control: {
    /** Whether the project's config is the one that was loaded. */
    hasRules(): boolean
  }
  /** What the last person's request was for, and how many do-files were run for it. */
  lastRequest: { readonly targets: readonly BuildId[]; readonly runs: number } = { targets: [], runs: 0 }
  /** Everything was looked at once, and is watched since. */
  private hasLooked = false
  /** No new requests are taken. */
  isDraining = false

  constructor(host: Host, control: Commands['control']) {
    this.host = host
    this.control = control
  }

  onRequest(client: Client): void {
    const { hello } = client
    if (hello.protocol !== PROTOCOL || hello.version !== packageVersion) {
      // A newer client takes over once what is under way here is done.
      client.notMine()
      this.isDraining = true
      return this.host.onIdle()
    }
    const run = hello.token === '' ? undefined : this.host.runOf(hello.token)
    if (run === undefined && (this.isDraining || !this.host.isInPlace)) return this.elsewhere(client)
    // Another process loads what it says now; who builds just now goes on with what it said.
    if (run === undefined && this.host.isIdle && !this.control.hasRules()) return this.elsewhere(client)
    if (hello.token !== '' && run === undefined)
      return this.fail(client, FAILURE, 'the do-file that started this has ended')
    const options = parseOptions(hello.command, client.args, run !== undefined)
    if (E.isLeft(options)) return this.fail(client, USAGE, options.left)
    if (options.right.help) return this.print(client, helpFor(hello.command))
    if (options.right.version) return this.print(client, `redford ${packageVersion}\n`)
    const resolver = new Resolver(this.host.root, hello.cwd)
    if (run === undefined && this.isOfAnother(options.right.targets, hello.cwd, resolver)) return client.notMine()
    this.dispatch({ client, options: options.right, resolver, run })
  }

  onSignal(client: Client, signal: number): void {
    const request = this.requests.get(client)
    if (request === undefined) return client.exit(128 + signal)
    this.withdraw(client, request, () => client.exit(128 + signal))
  }

  onGone(client: Client): void {
    const request = this.requests.get(client)
    if (request !== undefined) this.withdraw(client, request, () => {})
  }

  /** Takes a request back; `done` once no do-file that was started for it runs any more. */
  private withdraw(client: Client, request: BuildId, done: () => void): void {
    this.requests.delete(client)
    const { host } = this
    host.sessions.endRedirect(request)
    host.cancel(request)
    const end = (): void => {
      if ([...host.make.runs.values()].some((run) => run.session === request)) return
      clearInterval(timer)
      host.sessions.open.get(request)?.console.status('')
      host.sessions.open.delete(request)
      host.observers.end(request)
      done()
      if (host.isIdle) host.onIdle()
    }
    const timer = setInterval(end, 10)
    setImmediate(end)
  }

  /** Whether all of a person's targets lie outside, in a project of their own: the C program asks that of the working folder. */
  private isOfAnother(targets: readonly string[], cwd: string, resolver: Resolver): boolean {
    if (targets.length === 0 || !targets.every((target) => resolver.nameOf(target).startsWith('/'))) return false
    try {
      return findRoot(cwd, targets) !== this.host.root
    } catch {
      // Of several: the client says so itself.
      return true
    }
  }

  private elsewhere(client: Client): void {
    this.isDraining = true
    client.notMine()
    this.host.onIdle()
  }

  private dispatch(call: Call): void {
    switch (call.client.hello.command) {
      case 'redo':
        return this.build(call, call.options.overwrite ? 'overwrite' : 'force')
      case 'redo-ifchange':
        return this.build(call, call.options.overwrite ? 'overwrite' : 'ifchange')
      case 'redo-ifcreate':
        return this.ifcreate(call)
      case 'redo-always':
        return this.tellRun(call, (run) => this.host.engine.dispatch({ _tag: 'always', build: run.build }))
      case 'redo-stamp':
        return this.stamp(call)
      case 'redo-recheck':
        return this.tellRun(call, (run) => this.host.engine.dispatch({ _tag: 'rechecked', session: run.session }))
      case 'redo-whichdo':
        return this.whichdo(call)
      case 'redo-targets':
        return this.list(call, unmodifiedTargetsOf)
      case 'redo-sources':
        return this.list(call, sourcesOf)
      case 'redo-ood':
        return this.ood(call)
      case 'redford-why':
        return this.why(call, 'why')
      case 'redford-why-not':
        return this.why(call, 'why-not')
      default:
        return this.fail(call.client, USAGE, `there is no command '${call.client.hello.command}'`)
    }
  }

  // ---------------------------------------------------------------------------------------------- redo, redo-ifchange

  private build(call: Call, want: Want): void {
    const names = this.names(call)
    if (names === undefined) return
    // A bare `redo` of a person means `all`; a list that happens to be empty is nothing to do.
    const isBare = call.client.hello.command === 'redo' && call.run === undefined && call.options.targets.length === 0
    if (names.length === 0 && !isBare) return call.client.exit(SUCCESS)
    const targets = (isBare ? [call.resolver.nameOf('all')] : names).map((name) => this.host.store.names.intern(name))
    if (call.run !== undefined) this.askFor(call, call.run, targets, want)
    else this.begin(call, targets, want)
  }

  /** Names of the call's targets; undefined when one of them cannot be, which the client has been told. */
  private names(call: Call): readonly string[] | undefined {
    const { client, options, resolver } = call
    const listed = options.targets.flatMap((target) =>
      target === '-'
        ? client.input
            .toString('latin1')
            .split('\n')
            .filter((line) => line !== '')
        : [target],
    )
    for (const target of listed) {
      const bad = badName(target)
      if (bad !== undefined) {
        this.fail(client, USAGE, bad)
        return undefined
      }
    }
    return listed.map((target) => resolver.nameOf(target))
  }

  /** A person's request: it begins a session. */
  private begin(call: Call, targets: readonly BuildId[], want: Want): void {
    const { client, options, resolver } = call
    const { host } = this
    const id = host.store.names.fresh()
    const session = host.sessions.begin(id, client, options, resolver)
    this.requests.set(client, id)
    if (options.policy !== undefined) host.engine.setPolicy(options.policy)
    const refused = host.observers.begin(session, host.state, host.engine.policyName)
    if (refused !== undefined) {
      this.requests.delete(client)
      host.sessions.open.delete(id)
      return this.fail(client, USAGE, refused)
    }
    host.sessions.setEnvironment(id, client, host.variablesFor(client.environment), options.shellFlags)
    if (options.take) host.engine.dispatch({ _tag: 'taken', builds: targets })
    const start = (trust: boolean): void => {
      if (!this.requests.has(client)) return
      host.ask(
        {
          _tag: 'requested',
          request: id,
          by: buildId(0),
          session: id,
          targets,
          want: options.take ? 'ifchange' : want,
          keepGoing: options.keepGoing,
          jobs: options.jobs,
          trust,
          terms: termsOf(options, performance.now()),
        },
        (ok, state) => {
          this.requests.delete(client)
          if (!ok) host.sessions.tellBroken(state, session, targets)
          session.console.summary()
          this.lastRequest = { targets, runs: session.runs }
          host.sessions.open.delete(id)
          host.observers.end(id)
          client.exit(ok ? SUCCESS : FAILURE)
        },
      )
    }
    if (this.hasLooked) host.watching.sync(start)
    else {
      // The first request of all: whatever happened while nobody watched is found in one go.
      this.hasLooked = host.watching.isOn
      host.watching.sync(() => start(host.lookAtAll()))
    }
  }

  /** A do-file's request. */
  private askFor(call: Call, run: Run, targets: readonly BuildId[], want: Want): void {
    const { client } = call
    const { host } = this
    const id = host.store.names.fresh()
    this.requests.set(client, id)
    host.sessions.redirect(id, client, run)
    const keepGoing = call.options.keepGoing || host.sessions.open.get(run.session)?.options.keepGoing === true
    // Nobody would tell of a file that a do-file changed by the way, so the files it asks for are looked at again.
    if (!host.watching.isOn) host.doubt(targets.filter((x) => kindOf(host.state, x) !== Kind.TARGET))
    const ask = (): void => {
      if (!this.requests.has(client)) return
      host.ask(
        {
          _tag: 'requested',
          request: id,
          by: run.build,
          session: run.session,
          targets,
          want,
          keepGoing,
          jobs: 0,
          trust: false,
        },
        (ok) => {
          this.requests.delete(client)
          host.sessions.endRedirect(id)
          client.exit(ok ? SUCCESS : FAILURE)
        },
      )
    }
    const isCertain = want === 'ifchange' ? host.looking.lookAgain(run, targets) : undefined
    if (isCertain === undefined) return host.watching.sync(ask)
    ask()
    // What is certain it is told at once, and goes on while the engine takes it in: before anything that comes of it can be heard.
    if (isCertain) client.exit(SUCCESS)
  }

  // ---------------------------------------------------------------------------------------------- what only do-files say

  private ifcreate(call: Call): void {
    const names = this.names(call)
    if (names === undefined) return
    if (call.run === undefined) return this.fail(call.client, USAGE, 'redo-ifcreate is for do-files')
    const existing = names.find((name) => isThere(lookAtItself(name)))
    if (existing !== undefined)
      return this.fail(
        call.client,
        FAILURE,
        `redo-ifcreate: ${printable(call.resolver.shown(existing))} exists already; use redo-ifchange`,
      )
    if (names.length === 0) return call.client.exit(SUCCESS)
    this.askFor(
      call,
      call.run,
      names.map((name) => this.host.store.names.intern(name)),
      'create',
    )
  }

  private stamp(call: Call): void {
    this.tellRun(call, ({ build }) => {
      const digest = call.client.inputDigest
      const stamp = [0, 4, 8, 12].map((at) => digest.readInt32LE(at))
      this.host.engine.dispatch({ _tag: 'stamped', build, stamp })
    })
  }

  private tellRun(call: Call, tell: (run: Run) => void): void {
    const { client, run } = call
    if (run === undefined) return this.fail(client, USAGE, `${client.hello.command} is for do-files`)
    // Whoever names a file for redo-stamp means what is in it, and would have the stamp of an empty input.
    if (this.hasTargets(call)) return
    tell(run)
    client.exit(SUCCESS)
  }

  // ---------------------------------------------------------------------------------------------- questions

  private whichdo(call: Call): void {
    const { client, options, resolver } = call
    const names = this.names(call)
    if (names === undefined) return
    const [name] = names
    if (name === undefined || names.length > 1) return this.fail(client, USAGE, 'redo-whichdo takes one target')
    const { shown, isMade } = makersOf('', this.host.rules, resolver, name)
    client.stdout(namesText(shown, options.json))
    client.exit(isMade ? SUCCESS : FAILURE)
  }

  private why(call: Call, question: Question): void {
    const { client, options, resolver } = call
    const [target] = options.targets
    if (target === undefined || options.targets.length > 1)
      return this.fail(client, USAGE, `redford ${question} takes one target`)
    const bad = badName(target)
    if (bad !== undefined) return this.fail(client, USAGE, bad)
    const look = askWhy(this.host, question, resolver, target, options.json, ({ code, stdout, stderr }) => {
      this.requests.delete(client)
      if (stdout !== '') client.stdout(Buffer.from(stdout))
      if (stderr !== '') client.stderr(Buffer.from(`redo  ${stderr}`))
      client.exit(code)
    })
    if (look !== undefined) this.requests.set(client, look)
  }

  private list(call: Call, of: (host: Host) => readonly BuildId[]): void {
    if (this.hasTargets(call)) return
    this.printBuilds(call, of(this.host))
    call.client.exit(SUCCESS)
  }

  /** Whether a command that takes no targets was given some; the client has been told. */
  private hasTargets({ client, options }: Call): boolean {
    if (options.targets.length === 0) return false
    this.fail(
      client,
      USAGE,
      `${client.hello.command} takes no targets, so '${printable(options.targets[0]!)}' means nothing to it`,
    )
    return true
  }

  /** Looks at everything, runs nothing. */
  private ood(call: Call): void {
    if (this.hasTargets(call)) return
    const { host } = this
    const { client } = call
    const id = lookAt(host, targetsOf(host), (outOfDate) => {
      this.requests.delete(client)
      this.printBuilds(call, outOfDate)
      client.exit(SUCCESS)
    })
    this.requests.set(client, id)
  }

  private printBuilds({ client, resolver, options }: Call, builds: readonly BuildId[]): void {
    const shown = namesOf(this.host, builds).map((name) => resolver.shown(name))
    client.stdout(namesText(shown, options.json))
  }

  private print(client: Client, text: string): void {
    client.stdout(Buffer.from(text))
    client.exit(SUCCESS)
  }

  private fail(client: Client, code: number, why: string): void {
    client.stderr(Buffer.from(`redo  ${why}\n`))
    client.exit(code)
  }
}

/** Sorted by code unit, which for byte strings is by byte: the same everywhere. */
const namesOf = ({ store }: Host, builds: readonly BuildId[]): readonly string[] =>
  builds.map((x) => store.names.nameOf(x)).sort()
