/** The pipeline made visible: one line of JSON for each demand, scan, run, block, resume, respond, done and broken. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { bytes } from '../make/path.js'
import { shownValue } from '../make/value-file.js'
import { changedPages } from '../model/changed.js'
import { type Event, type Input, LOOK_STRIDE, LookWord } from '../model/event.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Fact, Flag, Flight, hasFlag, Kind, kindOf, type News, type State, Status, statusOf } from '../model/state.js'
import { objectAt, PAGE_ROWS, read } from '../model/table.js'
import { fromByteString } from './byte-strings.js'

type Line = Readonly<Record<string, unknown>> & { readonly event: string }

/** Files that are being written to now, each with what happens for one session. Nothing is worked out while there are none. */
export class Tracer {
  private readonly files = new Map<BuildId, number>()
  private readonly nameOf: (build: BuildId) => string
  private readonly asked = new Map<BuildId, { readonly session: BuildId; readonly names: readonly string[] }>()
  private lines: { readonly session: number; readonly line: Line }[] = []

  constructor(nameOf: (build: BuildId) => string) {
    this.nameOf = nameOf
  }

  get isOn(): boolean {
    return this.files.size > 0
  }

  /** Appends to `path` for as long as `session` is open. Throws where the file cannot be opened. */
  open(session: BuildId, path: string): void {
    this.files.set(session, openSync(bytes(path), 'a', 0o666))
  }

  close(session: BuildId): void {
    const fd = this.files.get(session)
    if (fd === undefined) return
    this.flush()
    closeSync(fd)
    this.files.delete(session)
  }

  onRun(build: BuildId, session: BuildId, doFile: string): void {
    if (this.isOn) this.add(session, { event: 'run', target: this.shown(build), doFile: fromByteString(doFile) })
  }

  onTick(input: Input, before: State, after: State): void {
    if (!this.isOn) return
    for (const receipt of input.receipts) {
      if (receipt._tag !== 'scanned') continue
      receipt.builds.forEach((build, i) => {
        const verdict = verdictOf(build, receipt.looks[i * LOOK_STRIDE + LookWord.KIND] !== 0, before, after)
        const session = sessionOf(before, build) || this.demandOf(build, input, after)
        this.add(session, { event: 'scan', target: this.shown(build), verdict })
      })
    }
    for (const request of input.batch.answer) {
      const by = buildId(read(before.flight, request, Flight.BY))
      this.add(sessionOf(before, by), { event: 'resume', target: this.shown(by) })
    }
    for (const event of input.events) if (event._tag === 'requested') this.onRequested(event, after)
    this.demands(before, after)
    for (const news of after.news.slice(before.news.length)) this.onNews(news, before, after)
  }

  /** To be called before anyone is answered. */
  flush(): void {
    if (this.lines.length === 0) return
    const lines = this.lines
    this.lines = []
    for (const [session, fd] of this.files) {
      const own = lines.filter((one) => one.session === session)
      try {
        writeSync(fd, own.map(({ line }) => `${JSON.stringify(line)}\n`).join(''))
      } catch {
        // A full disk must not break the build for the sake of its trace.
      }
    }
  }

  private add(session: number, line: Line): void {
    this.lines.push({ session, line })
  }

  private onRequested(event: Extract<Event, { _tag: 'requested' }>, after: State): void {
    const { request, session } = event
    const names = event.targets.map((build) => this.shown(build))
    this.asked.set(request, { session, names })
    if (event.by === 0) {
      // What is under way for somebody else is demanded all the same.
      const shared = event.targets.filter(
        (build) => statusOf(after, build) !== Status.REST && sessionOf(after, build) !== session,
      )
      for (const build of shared)
        this.add(session, {
          event: 'demand',
          target: this.shown(build),
          generation: after.generation,
          request: session,
        })
    } else if (statusOf(after, event.by) === Status.BLOCKED)
      this.add(session, { event: 'block', target: this.shown(event.by), on: names, request })
  }

  /** Looked at for a request of this very tick, and so at rest all the time. */
  private demandOf(build: BuildId, { events }: Input, { generation }: State): number {
    const asked = events.find((event) => event._tag === 'requested' && event.targets.includes(build))
    const session = asked?._tag === 'requested' ? asked.session : 0
    this.add(session, { event: 'demand', target: this.shown(build), generation, request: session })
    return session
  }

  /** What left rest, or was taken into a newer generation, in this tick. */
  private demands(before: State, after: State): void {
    changedPages(before.flight, after.flight, (page) => {
      for (let x = page * PAGE_ROWS; x < (page + 1) * PAGE_ROWS; x++) {
        const build = buildId(x)
        const generation = read(after.flight, x, Flight.PASS)
        if (statusOf(after, build) === Status.REST || kindOf(after, build) === Kind.REQUEST) continue
        if (statusOf(before, build) !== Status.REST && read(before.flight, x, Flight.PASS) === generation) continue
        const session = sessionOf(after, build)
        this.add(session, { event: 'demand', target: this.shown(build), generation, request: session })
      }
    })
  }

  private onNews(news: News, before: State, after: State): void {
    if (news._tag === 'built')
      this.add(sessionOf(before, news.build), { event: 'done', target: this.shown(news.build), changed: news.changed })
    else if (news._tag === 'broke')
      this.add(news.session, {
        event: 'broken',
        target: this.shown(news.build),
        error: objectAt(after.errors, news.build) ?? {},
      })
    else if (news._tag === 'responded') {
      const { request, ok } = news
      const asked = this.asked.get(request)
      this.asked.delete(request)
      if (asked !== undefined) this.add(asked.session, { event: 'respond', request, targets: asked.names, ok })
    }
  }

  private shown(build: BuildId): string {
    const name = this.nameOf(build)
    return fromByteString(shownValue(name) ?? name)
  }
}

const sessionOf = (state: State, build: BuildId): number => read(state.flight, build, Flight.SESSION)

const verdictOf = (build: BuildId, exists: boolean, before: State, after: State): string => {
  if (!exists) return 'absent'
  if (hasFlag(after, build, Flag.MODIFIED)) return 'modified'
  if (kindOf(before, build) === Kind.UNKNOWN || kindOf(before, build) === Kind.ABSENT) return 'new'
  for (let i = 0; i < 4; i++) {
    if (read(before.facts, build, Fact.CONTENT + i) !== read(after.facts, build, Fact.CONTENT + i)) return 'changed'
  }
  return 'unchanged'
}
