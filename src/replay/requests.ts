/** What became of the requests from outside that a recording holds, in a world where they went otherwise. */
import type { Event } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import type { Reply } from './reply.js'
import { clockOf, type Script } from './script.js'

/** A request from outside: how long it would have taken, and how long it did, in microseconds; undefined: it got no answer. */
export interface RequestTimes {
  readonly class: string
  readonly otherwise: number | undefined
  readonly recorded: number | undefined
  /** In how many microseconds it was due, where the recording knows the time: that of a policy which goes by it. */
  readonly due?: number
}

interface Asked {
  readonly at: number
  readonly class: string
  readonly due: number | undefined
}

export class Requests {
  private readonly asked = new Map<BuildId, Asked>()
  private readonly replies = new Map<BuildId, Reply & { readonly at: number }>()

  private lastNotice = 0
  /** Only where the recorded policy went by time, its clock is known. */
  private readonly hasClock: boolean

  constructor(private readonly script: Script) {
    this.hasClock = script.events.some(({ event }) => event._tag === 'read')
  }

  /** What they took, as they were. */
  static asRecorded(script: Script): readonly RequestTimes[] {
    const requests = new Requests(script)
    for (const { event, at } of script.events) {
      if (event._tag !== 'requested' && event._tag !== 'followed') continue
      const i = requests.asked.size
      requests.add(event, at, at)
      const [reply, took] = [script.answers[i], script.latencies[i]]
      if (reply !== undefined && took !== undefined) requests.answered(event.request, reply, at + took)
    }
    return requests.latencies
  }

  /** `recordedAt`: when it was, by which it was due. */
  add(
    { request, terms = {} }: Extract<Event, { _tag: 'requested' | 'followed' }>,
    at: number,
    recordedAt: number,
  ): void {
    const { class: of = '', deadline } = terms
    const isKnown = deadline !== undefined && this.hasClock
    const due = isKnown ? Math.round((deadline - clockOf(this.script)) * 1000 - recordedAt) : undefined
    this.asked.set(request, { at, class: of, due })
  }

  answered(request: BuildId, reply: Reply, at: number): void {
    this.replies.set(request, { ...reply, at })
  }

  /** A live request was told something. */
  noticed(at: number): void {
    this.lastNotice = at
  }

  /** From the first request, or live one, to the last answer, or notice of a live one. */
  get makespan(): number {
    let last = this.lastNotice
    for (const { at } of this.replies.values()) last = Math.max(last, at)
    const [first] = this.asked.values()
    return Math.max(0, last - (first?.at ?? 0))
  }

  /** How many were answered otherwise than recorded, or not at all. */
  get others(): number {
    const asked = [...this.asked.keys()]
    return this.script.answers.filter((reply, i) => {
      const now = this.replies.get(asked[i]!)
      return now?.ok !== reply?.ok || now?.answer !== reply?.answer
    }).length
  }

  /** In the order in which they were asked. */
  get latencies(): readonly RequestTimes[] {
    return [...this.asked].map(([request, { at, class: of, due }], i) => {
      const answered = this.replies.get(request)?.at
      return {
        class: of,
        otherwise: answered === undefined ? undefined : answered - at,
        recorded: this.script.latencies[i],
        ...(due !== undefined && { due }),
      }
    })
  }
}
