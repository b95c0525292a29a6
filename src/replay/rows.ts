/** Goes through the builds of a state. */
import { type BuildId, buildId } from '../model/ids.js'
import type { State } from '../model/state.js'

export const eachRow = ({ facts, flight }: State, visit: (x: BuildId) => void): void => {
  for (let x = 1; x < Math.max(facts.end, flight.end); x++) visit(buildId(x))
}
