/** What is read of JSON that others wrote: each of these gives the value itself. @throws LabError that names the field */
import { LabError } from '../graph.js'

type Fields = Readonly<Record<string, unknown>>

const wrong = (value: unknown, where: string, what: string): LabError =>
  new LabError(`${where} is ${(JSON.stringify(value) ?? 'left out').slice(0, 40)}: it must be ${what}`)

export const objectIn = (value: unknown, where: string): Fields => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(value, where, 'an object')
  return value as Fields
}

export const textIn = (value: unknown, where: string): string => {
  if (typeof value !== 'string') throw wrong(value, where, 'a string')
  return value
}

export const listIn = (value: unknown, where: string): readonly unknown[] => {
  if (!Array.isArray(value)) throw wrong(value, where, 'a list')
  return value
}

/** Left out, it is empty. */
export const textsIn = (value: unknown, where: string): readonly string[] =>
  value === undefined ? [] : listIn(value, where).map((each, i) => textIn(each, `${where}[${i}]`))

/** Each of a list with something in it. */
export const objectsIn = (value: unknown, where: string): readonly Fields[] => {
  const list = listIn(value, where)
  if (list.length === 0) throw new LabError(`${where} is empty: there is nothing to run`)
  return list.map((each, i) => objectIn(each, `${where}[${i}]`))
}
