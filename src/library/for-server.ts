import { shortestRemaining } from '../reduce/policies/order.js'
import type { CreateOptions } from './options.js'

/**
 * Options for an engine inside a server: `createEngine({ rules, ...forServer })`. Its turns leave the event loop free every 5 ms or so, and small
 * requests pass large ones. A first build costs more of the processor so (decision 033).
 */
export const forServer: Required<Pick<CreateOptions, 'drive' | 'policy'>> = {
  drive: { per: { ms: 5 } },
  policy: shortestRemaining({ ageing: 0 }),
}
