/** What is asked of whatever users give: each says in one sentence what is wrong, and what would be right. */

import { Misuse } from './misuse.js'
import { shown } from './shown.js'

/** `options`, as they are. @throws Misuse where `who` is called with what is no object, or has others than `names` */
export const optionsIn = <O extends object>(who: string, options: O, names: readonly string[]): O => {
  if (typeof options !== 'object' || options === null)
    throw new Misuse(`${who}: the options must be an object, got ${shownOption(options)}`)
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Misuse(`${who}: there is no option \`${unknown}\`: use ${names.join(', ')}`)
  return options
}

/** As in a program: with the quotes that options are written with. */
export const shownOption = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : shown(value))

/** `Infinity`, or more than there may be ids, as what is as good and fits where numbers are written. */
export const finite = (count: number): number => Math.min(count, 2 ** 31 - 1)

export const isCount = (count: number): boolean =>
  (Number.isInteger(count) && count >= 0) || count === Number.POSITIVE_INFINITY

/** @throws Misuse */
export const expectList = (who: string, rules: unknown, how: string): void => {
  if (!Array.isArray(rules)) throw new Misuse(`${who}: \`rules\` must be a list of sources, rules and actions: ${how}`)
}
