/** What is handed to the kit is looked at before anything is run, so that a slip is told of by its name; and what the kit says is written as a program is. */
import { inspect } from 'node:util'
import { isKey } from '../make/shape.js'
import { optionsIn } from '../model/expect.js'
import { Misuse } from '../model/misuse.js'
import { shown } from '../model/shown.js'

export const expectFunctions = (who: string, given: Readonly<Record<string, unknown>>): void => {
  for (const [name, value] of Object.entries(given))
    if (typeof value !== 'function') throw new Misuse(`${who}: ${name} must be a function, got ${shown(value)}`)
}

/** `least`: of each option that is a whole number, the least that it may be. `others`: what other options there are. */
export const expectOptions = (
  who: string,
  options: object,
  least: Readonly<Record<string, number>>,
  others: readonly string[] = [],
): void => {
  optionsIn(who, options, [...Object.keys(least), ...others])
  for (const [name, value] of Object.entries(options)) {
    const min = Object.hasOwn(least, name) ? least[name] : undefined
    if (min === undefined || value === undefined) continue
    if (value === Number.POSITIVE_INFINITY && ENDLESS.includes(name)) continue
    if (!Number.isInteger(value)) throw new Misuse(`${who}: \`${name}\` must be a whole number, got ${shown(value)}`)
    if (value < min) throw new Misuse(`${who}: \`${name}\` must be at least ${min}, got ${value}`)
  }
}

/** What may be `Infinity`. */
const ENDLESS = ['runs', 'bound', 'timeLimit', 'stepsMax', 'patience', 'timeout', 'faults', 'faultsMax']

export const expectKeys = (who: string, name: string, keys: unknown): void => {
  if (!Array.isArray(keys)) throw new Misuse(`${who}: \`${name}\` must be a list of keys, got ${shown(keys)}`)
  if (keys.length === 0) throw new Misuse(`${who}: \`${name}\` names nothing to be asked for`)
  keys.forEach((key, i) => {
    if (!isKey(key))
      throw new Misuse(`${who}: \`${name}\`: entry ${i} must be a key, such as total('a'), got ${shown(key)}`)
  })
}

/** Transactions, one after the other. */
export const expectChanges = (who: string, changes: unknown): void => {
  if (!Array.isArray(changes) || !changes.every((change) => typeof change === 'function'))
    throw new Misuse(`${who}: \`changes\` must be a list of functions, such as (tx) => tx.set(text('a'), 'x')`)
}

export const expectOneOf = (who: string, name: string, value: unknown, of: readonly string[]): void => {
  if (!of.includes(value as string))
    throw new Misuse(`${who}: \`${name}\` is one of ${of.map((one) => `'${one}'`).join(', ')}, got ${shown(value)}`)
}

/** The options of a run as a program writes them: those that are set. */
export const replayedBy = (options: Readonly<Record<string, unknown>>): string => {
  const written = Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${JSON.stringify(value).replaceAll('"', "'")}`],
  )
  return `{ ${written.join(', ')} }`
}

/** What was thrown, which may be anything. */
export const thrownInWords = (error: unknown): string => {
  if (error instanceof Error) return error.message
  return typeof error === 'string' ? error : inspect(error)
}
