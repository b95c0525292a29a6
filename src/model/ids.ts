/** Dense integer names. A target's own name is interned to an id at the border, so that tables are arrays. */

/** A build: the bringing up to date of one target. Also a request, which is the build of an answer. 0 is never used. */
export type BuildId = number & { readonly BuildId: unique symbol }
/** One dependency edge: a row of `State.edges`. 0 is never used. */
export type EdgeId = number & { readonly EdgeId: unique symbol }
/** Rises by one with every round of demands. 0: before the first. */
export type Generation = number & { readonly Generation: unique symbol }

export const buildId = (n: number): BuildId => n as BuildId
export const edgeId = (n: number): EdgeId => n as EdgeId
export const generation = (n: number): Generation => n as Generation

/** "No build": the zero of every table's word, so that a fresh page needs no filling in. */
export const NO_BUILD = 0 as BuildId
