/** What functions of rules throw: by their own word, or as an accident. */
import { CodecError, type Json } from '../model/codec.js'
import type { Definition } from '../model/definition.js'
import { Bug, type BuildError as Reason } from '../model/error.js'
import { expectFlat, unfit } from '../model/json.js'
import { Misuse, messageOf, UNTOLD } from '../model/misuse.js'
import { hear } from './shape.js'

/** Thrown by `fail`, and by `first` when nothing is left to try. */
export class Failing extends Error {
  constructor(readonly reason: Reason) {
    super('the rule failed by its own word: do not catch this')
  }
}

/** Throws that there is no value, as the definition's own word. */
export const fail = ({ errors }: Definition, error: unknown): never => {
  let told: Json
  try {
    if (errors === undefined) throw new CodecError('no failure: it has no `error` codec', error, '')
    told = errors.encode(error)
    expectFlat(told)
    // Whoever is answered with it is given what it decodes to: that it does is found out here, where it ends this build alone.
    errors.decode(told)
  } catch (thrown) {
    hear(error)
    throw unfit(thrown)
  }
  throw new Failing({ _tag: 'failed', error: told })
}

/** A fault of this program, which is no rule's: where what was thrown can be asked. */
export const isBug = (error: unknown): error is Bug => {
  try {
    return error instanceof Bug
  } catch {
    return false
  }
}

/** What a rule, read or action threw, as data. */
export const reasonOf = (error: unknown): Reason => {
  try {
    return reasonIn(error)
  } catch {
    // A proxy may answer whatever is asked of it by throwing.
    return { _tag: 'threw', message: UNTOLD, trace: '' }
  }
}

const reasonIn = (error: unknown): Reason => {
  if (error instanceof Failing) return error.reason
  if (error instanceof CodecError || error instanceof Misuse) return { _tag: 'misuse', why: error.message }
  hear(error)
  const message = messageOf(error)
  if (!(error instanceof Error)) return { _tag: 'threw', message, trace: '' }
  const isFrozen = error instanceof TypeError && /read only|not extensible|Cannot (delete|define|assign)/.test(message)
  const hint = isFrozen ? ' (values are frozen: copy what you change)' : ''
  return { _tag: 'threw', message: `${message}${hint}`, trace: traceOf(error) }
}

const traceOf = (error: Error): string => {
  try {
    return typeof error.stack === 'string' ? error.stack : ''
  } catch {
    return ''
  }
}
