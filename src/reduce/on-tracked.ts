/** Another policy, which wants to know other things: they are kept up from now on. */
import { buildId } from '../model/ids.js'
import { Flight, Status } from '../model/state.js'
import { rowsEnd } from '../model/table.js'
import type { Work } from './work.js'

/** Looks at all that is in flight. */
export const onTracked = (w: Work, tracks: number): void => {
  if (tracks === w.tracks) return
  w.track(tracks)
  const { tracker } = w
  if (tracker === undefined || w.inFlight === 0) return
  const end = rowsEnd(w.flight.view())
  for (let x = 1; x < end; x++) if (w.status(x) !== Status.REST) tracker.moved(buildId(x), Status.REST, Status.UNKNOWN)
  for (const head of w.heads())
    for (let x: number = head; x !== 0; x = w.flight.get(x, Flight.NEXT)) {
      tracker.moved(buildId(x), Status.UNKNOWN, w.status(x))
      tracker.enqueue(buildId(x), w.status(x))
    }
}
