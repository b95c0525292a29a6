/** All that the rest of a schedule hangs on, for rules and checks that go by what they are told: of two moments it is one text where they go on alike. */
import type { Inside } from '../library/inside.js'
import { wordsOf } from '../make/keys.js'
import type { Key } from '../model/definition.js'
import type { Event, Input } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { Fact, type News, type State } from '../model/state.js'
import { read } from '../model/table.js'
import { meaningOf } from './shape.js'

export class Situation {
  /** What was asked, changed and told so far, in this order. */
  private past = 0
  /** Which reads and actions were begun and came to their ends so far, in this order. */
  private effects = 0
  private asked = 0
  /** Of requests that are open: their number, and what they ask for. */
  private readonly open = new Map<BuildId, { readonly number: number; readonly target: BuildId }>()
  private readonly names: { readonly key: Key; readonly words: string; readonly number: number }[] = []

  constructor(private readonly inside: Inside) {}

  onTick({ events }: Input, after: State): void {
    for (const event of events) this.happened(event)
    for (const news of after.news) this.told(news, after)
  }

  private happened(event: Event): void {
    this.add(numberOf(event._tag))
    if (event._tag === 'requested') this.ask(event.request, event.targets[0]!)
    else if (event._tag === 'followed') this.ask(event.request, event.target)
    else if (event._tag === 'cancelled') {
      this.add(this.open.get(event.request)?.number ?? 0)
      this.open.delete(event.request)
    } else if (event._tag === 'transacted') for (const x of event.builds) this.add(this.nameOf(x))
  }

  /** A read or action is begun, or came to its end: who does something outside may tell which was first. */
  onEffect(build: BuildId): void {
    this.effects = mixed(this.effects, this.nameOf(build))
  }

  private ask(request: BuildId, target: BuildId): void {
    this.open.set(request, { number: ++this.asked, target })
    this.add(this.nameOf(target))
  }

  private told(news: News, after: State): void {
    if (news._tag !== 'responded' && news._tag !== 'noticed') return
    const { number = 0, target = 0 } = this.open.get(news.request) ?? {}
    this.add(number)
    this.add(news.answer?.version ?? 0)
    for (let word = 0; word < 4; word++) this.add(read(after.facts, target, Fact.CONTENT + word))
    if (news._tag === 'responded') this.open.delete(news.request)
  }

  private add(word: number): void {
    this.past = mixed(this.past, word)
  }

  /** `more`: numbers that belong to it. */
  text(more: readonly number[]): string {
    return meaningOf(this.inside.inner.state, this.nameOf, [...more, this.past, this.effects])
  }

  /** Where nothing is left to be done: what it all came to. */
  endText(): string {
    return meaningOf(this.inside.inner.state, this.nameOf, [this.past])
  }

  /** What is ready, in an order that hangs on no id. */
  inOrder(builds: readonly BuildId[]): readonly BuildId[] {
    if (builds.length < 2) return builds
    return [...builds].sort(this.compare)
  }

  readonly compare = (x: BuildId, y: BuildId): number => (this.named(x).words < this.named(y).words ? -1 : 1)

  readonly nameOf = (x: number): number => {
    const request = this.open.get(x as BuildId)
    return request === undefined ? this.named(x).number : request.number
  }

  private named(x: number): { readonly words: string; readonly number: number } {
    const key = this.inside.keys.keyOf(x as BuildId)
    if (key === undefined) return nobody
    let known = this.names[x]
    if (known?.key !== key) {
      const words = wordsOf(key)
      known = { key, words, number: numberOf(words) }
      this.names[x] = known
    }
    return known
  }
}
const mixed = (sum: number, word: number): number => {
  const h = Math.imul(sum ^ word, 0x9e3779b1)
  return h ^ (h >>> 15)
}

const nobody = { words: '', number: -1 }

export const numberOf = (text: string): number => {
  let h = text.length
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) ^ (h >>> 15)
  return h | 0
}
