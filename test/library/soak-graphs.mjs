/** A portion of `npm run soak -- --builds N`, on a thread of its own. */
import { sweep } from '../../dist/testing/index.js'

/** @param {{ builds: number, from: number, to: number }} portion */
export default ({ builds, from, to }) =>
  sweep(builds, { faults: ['fail', 'cancel', 'sweep', 'wipe', 'touch'], from, to })
