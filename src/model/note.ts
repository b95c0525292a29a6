/** Notes of what a tick wrote to a table: which word of which row, in one number. */

/** A word of a row takes so many bits of it. */
export const WORD_BITS = 4
/** The widest row there may be. */
export const WORDS_MAX = 1 << WORD_BITS

/** Says in one number which word of which row, below 2^27. */
export const noteOf = (row: number, word: number): number => (row << WORD_BITS) | word
export const rowOfNote = (note: number): number => note >>> WORD_BITS
export const wordOfNote = (note: number): number => note & (WORDS_MAX - 1)
