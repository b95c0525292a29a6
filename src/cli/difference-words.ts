/** What differs between two recordings, in words and as data. */

import { canonical } from '../model/codec.js'
import { resultIn } from '../model/content.js'
import type { BuildId } from '../model/ids.js'
import type { Deed } from '../replay/deeds.js'
import type { Otherwise } from '../replay/diff-deeds.js'
import type { Difference, OneReceipt } from '../replay/diff-ticks.js'
import { shortened, shortenedApart } from '../replay/short.js'
import { hex } from '../replay/view.js'
import type { RecordedSetting } from '../store/recording/format.js'
import type { RecordedValue } from '../store/recording/value.js'
import { eventWords, fieldName, fieldWords, KIND_WORDS, WANTS } from './event-words.js'
import { faultWords, fewOf, shownAll, shownBuild, textOfName } from './recording.js'
import { settingWords } from './tick-words.js'

interface Side {
  /** Of the recording. */
  readonly name: string
  readonly beside: (digest: string) => string | undefined
}
export interface Sides {
  readonly a: Side
  readonly b: Side
}

type Called = (build: BuildId) => string

/** A sentence or two. `a` and `b` are the names of the recordings. */
export const differenceWords = (part: Difference, sides: Sides, called: Called): string => {
  const [a, b] = [sides.a.name, sides.b.name]
  switch (part.part) {
    case 'setting':
      return `${shownBuild(part.name)} ${settingsWords(part.a, part.b, sides)}`
    case 'settings':
      return 'the same was set in another order'
    case 'event':
      return eventDifference(part, a, b, called)
    case 'way':
      return 'it was to be done in another way'
    case 'batch': {
      if (part.step === 'carry') return 'the policy chose the same, and carries on something else'
      const does = { scan: 'looks at', run: 'runs', start: 'starts', answer: 'answers' }[part.step]
      const only = (name: string, builds: readonly BuildId[]): string => `${name} ${does} ${fewOf(builds.map(called))}`
      const sides = [
        ...(part.onlyA.length > 0 ? [only(a, part.onlyA)] : []),
        ...(part.onlyB.length > 0 ? [only(b, part.onlyB)] : []),
      ]
      return sides.length === 0
        ? `the policy chose otherwise: it ${does} the same builds in another order`
        : `the policy chose otherwise: ${sides.map((side) => `only ${side}`).join('; ')}`
    }
    case 'receipt':
      return receiptDifference(part, sides, called)
    case 'name':
      return `build number ${part.build} is ${part.a === undefined ? 'none' : shownBuild(part.a)} in ${a}, and ${part.b === undefined ? 'none' : shownBuild(part.b)} in ${b}`
    case 'reducer':
      return `the same happened, and another state came of it: the programs that recorded them decide otherwise (${
        part.agrees === 'neither'
          ? 'this one decides as neither'
          : `this one decides as that of ${part.agrees === 'a' ? a : b}`
      })`
  }
}

type To = RecordedSetting['to'] | undefined

const settingsWords = (one: To, other: To, { a, b }: Sides): string => {
  if (one?._tag === 'unset' || other?._tag === 'unset') {
    if (other === undefined) return `was touched in ${a.name}, and not in ${b.name}`
    if (one === undefined) return `was touched in ${b.name}, and not in ${a.name}`
    return `${setWords(one)} in ${a.name}, ${setWords(other)} in ${b.name}`
  }
  const [shown, shownOther] = shortenedApart(settingWords(one), settingWords(other))
  return `was set to something else: ${shown} in ${a.name}, ${shownOther} in ${b.name}`
}

/** What is read is set no more where it is touched. */
const setWords = (to: RecordedSetting['to']): string => {
  if (to._tag === 'value') return `was set to ${shortened(settingWords(to))}`
  return to._tag === 'unset' ? 'was touched' : `was ${to._tag}`
}

const eventDifference = (
  part: Extract<Difference, { part: 'event' }>,
  a: string,
  b: string,
  called: Called,
): string => {
  if (part.a === undefined) return `something more happened in ${b}: ${eventWords(part.b!, called)}`
  if (part.b === undefined) return `something more happened in ${a}: ${eventWords(part.a, called)}`
  const [one, other] = [eventWords(part.a, called), eventWords(part.b, called)]
  if (one !== other) return `something else happened outside: ${one} in ${a}, ${other} in ${b}`
  return `${one}, and differs: ${part.fields.map((field) => fieldDifference(part.a, part.b, field, a, b, called)).join('; ')}`
}

const fieldDifference = (one: unknown, other: unknown, field: string, a: string, b: string, called: Called): string => {
  const [mine, others] = [fieldWords(one, field, called), fieldWords(other, field, called)]
  return mine === others ? fieldName(field) : `${fieldName(field)} (${mine} in ${a}, ${others} in ${b})`
}

const RECEIPT_WORDS: Readonly<Record<OneReceipt['_tag'], string>> = {
  scanned: 'was looked at',
  blocked: 'asked for more',
  started: 'was started',
  done: 'was made',
  failed: 'failed',
  needs: 'asked for more',
  pooled: 'takes room in a pool',
  made: 'was made',
  recalled: 'was read where it was kept',
  broken: 'broke',
  holds: 'was found to hold',
  unjudged: 'had to wait to be judged',
  later: 'had to wait for the next tick',
}
const receiptDifference = (part: Extract<Difference, { part: 'receipt' }>, sides: Sides, called: Called): string => {
  const [a, b] = [sides.a.name, sides.b.name]
  const of = called(part.build)
  if (part.fields[0] === 'order') return `the same was told in another order, from ${of} on`
  const did = (receipt: OneReceipt): string => RECEIPT_WORDS[receipt._tag]
  if (part.a === undefined) return `${of} ${did(part.b!)} in ${b}, and in ${a} not by then`
  if (part.b === undefined) return `${of} ${did(part.a)} in ${a}, and in ${b} not by then`
  if (part.fields.length === 0) return `${of} ${did(part.a)} in ${a}, and ${did(part.b)} in ${b}`
  // Where the content differs, so does the stat: that goes without saying; and a value says all that its content does.
  const values = isValued(part.a) && isValued(part.b) ? [part.a, part.b] : undefined
  const words = part.fields.flatMap((field): readonly string[] => {
    if (values !== undefined && VALUE.includes(field)) return []
    if (field === 'stat' && part.fields.includes('content')) return []
    return [fieldDifference(part.a, part.b, field, a, b, called)]
  })
  if (values !== undefined && part.fields.some((field) => VALUE.includes(field)))
    words.push(`its value (${valueWords(values[0]!, values[1]!, sides)})`)
  return `${of} ${did(part.a)}, and differs: ${words.join('; ')}`
}

const VALUE = ['value', 'content']

interface Valued {
  readonly value: RecordedValue
  readonly content?: readonly number[]
}
const isValued = (of: object | undefined): of is Valued & OneReceipt =>
  of !== undefined && 'value' in of && typeof of.value === 'object'

/** What it is in each, where the recordings hold that, and it tells them apart. */
const valueWords = (one: Valued, other: Valued, { a, b }: Sides): string => {
  const [mine, others] = [textOf(one, a), textOf(other, b)].map((text) => text && shortened(text))
  const isTold = mine !== others
  return `${(isTold && mine) || digestWords(one)} in ${a.name}, ${(isTold && others) || digestWords(other)} in ${b.name}`
}

const textOf = ({ value }: Valued, side: Side): string | undefined => {
  if (value._tag === 'inContent') return canonical(resultIn(value.content))
  if (value._tag === 'text') return value.text
  return value._tag === 'beside' ? side.beside(value.digest) : undefined
}

const digestWords = ({ value, content = [] }: Valued): string => {
  const digest = value._tag === 'beside' ? value.digest : hexOf(content)
  return `another value (digest ${digest.slice(0, 12)}…)`
}

const hexOf = (words: readonly number[]): string => words.map(hex).join('')

/** Who, and by what. */
export const otherwiseWords = ({ names, a, b, tickInA, tickInB, again }: Otherwise, sides: Sides): string => {
  const of = shownAll(names) || 'all'
  const [inA, inB] = [`tick ${tickInA} of ${sides.a.name}`, `tick ${tickInB} of ${sides.b.name}`]
  const alone = (side: Side, other: Side): string =>
    again === true ? `in ${side.name} more often than in ${other.name}` : `in ${side.name} only`
  if (a === undefined) return `${of} ${deedWords(b!)} ${alone(sides.b, sides.a)} (${inB})`
  if (b === undefined) return `${of} ${deedWords(a)} ${alone(sides.a, sides.b)} (${inA})`
  return `${of} ${deedsWords(a, b, sides)} (${inA}, ${inB})`
}

const deedsWords = (a: Deed, b: Deed, sides: Sides): string => {
  const each = (one: string, other: string): string => `${one} in ${sides.a.name}, ${other} in ${sides.b.name}`
  const needs = (deed: Deed): string => ('needs' in deed && shownAll(deed.needs)) || 'nothing'
  if (a.what === 'set' && b.what === 'set') return settingsWords(a.to, b.to, sides)
  if (a.what === 'asked' && b.what === 'asked') return `was asked for otherwise: ${each(askedWords(a), askedWords(b))}`
  if (a.what === 'found' && b.what === 'found')
    return `was looked at, and differs: ${a.kind === b.kind ? 'what it holds' : `what it is (${each(KIND_WORDS[a.kind]!, KIND_WORDS[b.kind]!)})`}`
  if (a.what === 'made' && b.what === 'made') {
    const words = [
      ...(needs(a) === needs(b) ? [] : [`what it asked for (${each(needs(a), needs(b))})`]),
      ...(hexOf(a.content) === hexOf(b.content)
        ? []
        : [isValued(a) && isValued(b) ? `its value (${valueWords(a, b, sides)})` : 'what it holds']),
    ]
    return `was made, and differs: ${words.join('; ') || 'what it depends on'}`
  }
  if (a.what === 'told' && b.what === 'told' && a.event === b.event) return `${deedWords(a)}, and not the same`
  return each(deedWords(a), deedWords(b))
}

const TOLD: Readonly<Record<string, string>> = {
  cancelled: 'was taken back',
  transacted: 'was touched',
  taken: 'was made a source (redo --take)',
  wiped: 'had its value given up',
  adopted: 'was found as an earlier process had left it',
  always: 'said redo-always',
  stamped: 'said redo-stamp',
  collect: 'was forgotten, where nothing needed it',
  rechecked: 'was to be looked at again (redo-recheck)',
}

const askedWords = ({ want, keepGoing }: Extract<Deed, { what: 'asked' }>): string =>
  `to be ${WANTS[want]}${keepGoing ? ', and to go on after a failure' : ''}`

const deedWords = (deed: Deed): string => {
  switch (deed.what) {
    case 'set':
      return setWords(deed.to)
    case 'asked':
      return 'was asked for'
    case 'answered':
      return deed.ok ? 'was answered' : 'was answered with a failure'
    case 'found':
      return `was looked at (${KIND_WORDS[deed.kind]})`
    case 'made':
      return 'was made'
    case 'broken':
      return `broke: ${deed.cause === undefined ? ownFaultWords(deed) : `since ${shownBuild(deed.cause)} did`}`
    case 'told':
      return TOLD[deed.event] ?? deed.event
  }
}

/** Its ids are those of one recording. */
const ownFaultWords = ({ error }: Extract<Deed, { what: 'broken' }>): string =>
  error?._tag === 'cycle' ? 'it needs itself' : faultWords(error, (x) => `#${x}`)

/** For `--json`: names as texts. */
export const otherwiseData = ({ names, a, b, ...ticks }: Otherwise): object => ({
  names: names.map(textOfName),
  ...ticks,
  ...(a === undefined ? {} : { a: deedData(a) }),
  ...(b === undefined ? {} : { b: deedData(b) }),
})

const deedData = (deed: Deed): object => ({
  ...deed,
  ...('needs' in deed ? { needs: deed.needs.map(textOfName) } : {}),
  ...('cause' in deed && deed.cause !== undefined ? { cause: textOfName(deed.cause) } : {}),
})

export const differenceData = (part: Difference): Difference => {
  if (part.part === 'setting') return { ...part, name: textOfName(part.name) }
  if (part.part !== 'name') return part
  const text = (name: string | undefined) => name && textOfName(name)
  return { ...part, a: text(part.a), b: text(part.b) }
}
