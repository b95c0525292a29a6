/** Questions about what is known of a target: what `redford why`, `redford why-not` and `redo-whichdo` say. */
import { valueFileOf } from '../make/value-file.js'
import type { BuildError } from '../model/error.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Kind, kindOf, type State } from '../model/state.js'
import { why } from '../replay/why.js'
import type { FaultError } from '../replay/why-facts.js'
import { type Asked, whyNot } from '../replay/why-not.js'
import { type Names, requestWords, whyNotText, whyText } from '../replay/why-words.js'
import { fromByteString } from './byte-strings.js'
import type { Host } from './host.js'
import type { Resolver } from './project.js'
import { errorWords, inLine, printable, targetWord } from './words.js'

export interface Answer {
  readonly code: number
  /** UTF-8. */
  readonly stdout: string
  readonly stderr: string
}

export type Question = 'why' | 'why-not'

/** What the builds of a state are called, as byte strings; those of a store, or of a recording. */
export interface NamesOfState {
  readonly nameOf: (build: BuildId) => string | undefined
  readonly idOf: (name: string) => BuildId | undefined
}

/** The id of what a user calls a target: a file, or the value of a rule as it is shown, `page("index")`. */
const idOfTarget = (names: NamesOfState, resolver: Resolver, target: string): BuildId | undefined => {
  const [, rule, text] = /^([^()]+)\((.*)\)$/s.exec(target) ?? []
  const id = names.idOf(resolver.nameOf(target))
  if (id !== undefined || rule === undefined || text === undefined) return id
  return names.idOf(valueFileOf(fromByteString(rule), fromByteString(text)))
}

/** Says why `target` was made, or was not. `state` may be any, that of a recording too. */
const answerWhy = (
  question: Question,
  state: State,
  names: NamesOfState,
  resolver: Resolver,
  target: string,
  { json, ...asked }: Asked & { readonly json: boolean },
): Answer => {
  const shown = (x: BuildId): string => {
    const name = names.nameOf(x)
    return name === undefined ? 'something' : resolver.shown(name)
  }
  const words: Names = {
    nameOf: (x) => printable(shown(x)),
    idOf: () => idOfTarget(names, resolver, target),
    errorWords: faultWords,
    word: targetWord(target),
    generation: requestWords,
  }
  const called = printable(target)
  const told = question === 'why' ? whyText(state, words, called, asked) : whyNotText(state, words, called, asked)
  if (!told.isKnown) return { code: 1, stdout: '', stderr: told.text }
  if (!json) return { code: 0, stdout: told.text, stderr: '' }
  const id = words.idOf(target)!
  const as = (x: BuildId): string => fromByteString(shown(x))
  const data = question === 'why' ? why(state, id, as, asked.generation) : whyNot(state, id, as, asked)
  return { code: 0, stdout: `${JSON.stringify(data)}\n`, stderr: '' }
}

const faultWords = (error: FaultError<string>): string => {
  if (error._tag === 'cycle') return `it needs itself: ${[...error.path, error.path[0]].join(' -> ')} (208)`
  // Only circles name builds.
  return inLine(errorWords(error as BuildError, () => ''))
}

/** Answers from the present state. What was not made is looked at first, if nobody is at work: the state need not know of it yet. Returns the request for that. */
export const askWhy = (
  host: Host,
  question: Question,
  resolver: Resolver,
  target: string,
  json: boolean,
  onAnswer: (answer: Answer) => void,
): BuildId | undefined => {
  const inStore = host.store.names
  const names: NamesOfState = {
    nameOf: (x) => (inStore.isNamed(x) ? inStore.nameOf(x) : undefined),
    idOf: (name) => inStore.idOf(name) || undefined,
  }
  const id = idOfTarget(names, resolver, target)
  const generation = lastGeneration(host)
  if (question === 'why' || id === undefined || !host.isIdle || kindOf(host.state, id) !== Kind.TARGET)
    return void onAnswer(answerWhy(question, host.state, names, resolver, target, { json, generation }))
  return lookAt(host, [id], (outOfDate, state) => {
    const isOutOfDate = outOfDate.includes(id)
    onAnswer(answerWhy(question, state, names, resolver, target, { json, generation, isOutOfDate }))
  })
}

/** Generations up to `end` in which was only looked, and the one before them. */
const looked = new WeakMap<Host, { readonly generation: number; readonly end: number }>()

/** That of the last request that was more than a look. */
const lastGeneration = (host: Host): number => {
  const last = looked.get(host)
  return last?.end === host.state.generation ? last.generation : host.state.generation
}

/** Looks at targets and all they stand on, and runs nothing: which of them are out-of-date. Returns the request. */
export const lookAt = (
  host: Host,
  targets: readonly BuildId[],
  onAnswer: (outOfDate: readonly BuildId[], state: State) => void,
): BuildId => {
  const generation = lastGeneration(host)
  const request = host.store.names.fresh()
  const event = {
    _tag: 'requested',
    request,
    by: buildId(0),
    session: request,
    targets,
    want: 'look',
    keepGoing: true,
    jobs: 1,
    trust: false,
  } as const
  host.ask(event, (_, state, outOfDate) => {
    looked.set(host, { generation, end: state.generation })
    onAnswer(outOfDate, state)
  })
  return request
}
