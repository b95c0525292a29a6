/** All policies, under the names by which they are written. */
export { cap, fixpoint, fullBatch } from './basic.js'
export { criticalPath, deadline, firstCome, leastAttained, shortestRemaining } from './order.js'
export { aimd, nagle, slice } from './pace.js'
export { random } from './random.js'
export { compose, fairShare, lexicographic, perClass, type Shared } from './share.js'
