/** The next state is written field by field. */
import { expect, it } from 'vitest'
import { emptyState } from '../../src/model/state.js'
import { Work } from '../../src/reduce/work.js'

/** What an engine is set up with. */
const FIXED = ['slotsMax', 'ahead']

it('each field of a state that may change is written', () => {
  const code = String(Work.prototype.close)
  const written = Object.keys(emptyState).filter((name) => code.includes(`to.${name} = `))
  expect([...written, ...FIXED].sort()).toEqual(Object.keys(emptyState).sort())
})
