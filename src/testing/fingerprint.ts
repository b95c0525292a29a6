/** All of a state as one text: equal where the states are, word for word. */

import type { State } from '../model/state.js'
import { eachObject, type IntTable, type ObjectTable, read, rowsEnd } from '../model/table.js'

const ofTable = (table: IntTable): string => {
  let text = ''
  for (let row = 0; row < rowsEnd(table); row++)
    for (let word = 0; word < table.stride; word++) {
      const found = read(table, row, word)
      if (found !== 0) text += `${row}.${word}=${found} `
    }
  return text
}

const ofObjects = (table: ObjectTable<unknown>): string => {
  const found: unknown[] = []
  eachObject(table, (row, object) => found.push([row, object]))
  // Where something was thrown hangs on who called the engine.
  return JSON.stringify(found, (name, value) => (name === 'trace' ? undefined : value))
}

export const fingerprint = (state: State): string => {
  const {
    facts,
    checked,
    edges,
    flight,
    sessions,
    errors,
    cycles,
    stamps,
    values,
    costs,
    plans,
    lanes,
    terms,
    ...rest
  } = state
  return [
    ...[facts, checked, edges, flight, costs, plans].map(ofTable),
    ...[sessions, errors, cycles, stamps, values, lanes, terms].map((table) => ofObjects(table)),
    JSON.stringify(rest),
  ].join('\n')
}
