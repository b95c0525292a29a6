/** Copies of a state that V8 can read as quickly as any. */
import type { News, State } from './state.js'

/**
 * The same, with `news` told in place of its own, if given. Whoever copies by `{ ...state }` gets objects of a layout that V8 makes for that place alone, and code that met more
 * than four of them looks up each field by its name: so every state that an engine has is made here, or is `emptyState`, which lists the same fields.
 */
export const stateWith = (state: State, news: readonly News[] = state.news): State => ({
  generation: state.generation,
  version: state.version,
  facts: state.facts,
  checked: state.checked,
  edges: state.edges,
  flight: state.flight,
  freeEdge: state.freeEdge,
  edgesEnd: state.edgesEnd,
  inFlight: state.inFlight,
  unknown: state.unknown,
  scanning: state.scanning,
  running: state.running,
  slotsMax: state.slotsMax,
  park: state.park,
  expand: state.expand,
  scan: state.scan,
  ready: state.ready,
  start: state.start,
  answer: state.answer,
  sessions: state.sessions,
  errors: state.errors,
  cycles: state.cycles,
  stamps: state.stamps,
  values: state.values,
  pools: state.pools,
  kept: state.kept,
  keep: state.keep,
  ahead: state.ahead,
  cyclic: state.cyclic,
  tracks: state.tracks,
  costs: state.costs,
  plans: state.plans,
  lanes: state.lanes,
  shares: state.shares,
  terms: state.terms,
  clock: state.clock,
  carry: state.carry,
  news,
})
