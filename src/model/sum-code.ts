/**
 * The sums of `word-sum.ts` for four words at once: a module of WebAssembly, put together here from a dozen instructions, so that what runs
 * can be read. The same numbers come of it, to the bit, on every machine.
 */

import { WORD_BITS, WORDS_MAX } from './note.js'

/** Where in the module's memory what is: the two sums, in four parts each; the factors of a row's words; what is to be summed. */
export const SUMS = 0
export const FACTORS_A = 64
export const FACTORS_B = 128
export const FACTOR_PAIRS = 192
export const WORDS = 320

/** Bytes, in parts that are put together once. */
type Code = readonly (number | Code)[]

const unsigned = (n: number): Code => (n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)])
const signed = (n: number): Code => (n >= -64 && n < 64 ? [n & 127] : [(n & 127) | 128, ...signed(n >> 7)])
const counted = (parts: readonly Code[]): Code => [unsigned(parts.length), parts]
const sized = (code: Code): Code => {
  const bytes = bytesIn(code)
  return [unsigned(bytes.length), bytes]
}
const bytesIn = (code: Code, found: number[] = []): number[] => {
  for (let i = 0; i < code.length; i++) {
    const part = code[i]!
    if (typeof part === 'number') found.push(part)
    else bytesIn(part, found)
  }
  return found
}

const get = (local: number): Code => [0x20, ...unsigned(local)]
const set = (local: number): Code => [0x21, ...unsigned(local)]
const int = (n: number): Code => [0x41, ...signed(n | 0)]
const ADD_INT: Code = [0x6a]

const four = (code: number): Code => [0xfd, ...unsigned(code)]
const ADD = four(0xae)
const MUL = four(0xb5)
const XOR = four(0x51)
const OR = four(0x50)
const AND = four(0x4e)
const SPLAT = four(0x11)
/** Words that lie 4 bytes apart; `align` is said as its exponent. */
const load = (offset: number): Code => [...four(0x00), 2, ...unsigned(offset)]
const store = (offset: number): Code => [...four(0x0b), 2, ...unsigned(offset)]
const shiftRight = (bits: number): Code => [...int(bits), ...four(0xad)]
const shiftLeft = (bits: number): Code => [...int(bits), ...four(0xab)]
const lane = (number: number): Code => [...four(0x1b), number]
/** Each of the four words: one of the eight of two operands. */
const shuffle = (words: readonly number[]): Code => [
  ...four(0x0d),
  ...words.flatMap((word) => [4 * word, 4 * word + 1, 4 * word + 2, 4 * word + 3]),
]

const all = (...parts: readonly Code[]): Code => parts
const repeat = (times: number, part: (i: number) => Code): Code => Array.from({ length: times }, (_, i) => part(i))
const constant = (n: number): Code => all(int(n), SPLAT)

/** Takes `passes` off a local until it is 0. */
const loop = (left: number, step: number, body: Code): Code =>
  all([0x03, 0x40], body, get(left), int(-step), ADD_INT, [0x22, ...unsigned(left)], [0x0d, 0], [0x0b])

/** From rows, with the seed added, to their factors: `h` and `factorA` and `factorB` are locals. */
const rowFactors = (rows: Code, h: number, factorA: number, factorB: number): Code =>
  all(
    all(rows, constant(0x9e3779b1), MUL, set(h)),
    all(get(h), get(h), shiftRight(15), XOR, constant(0x85ebca6b), MUL, set(h)),
    all(get(h), get(h), shiftRight(13), XOR, set(h)),
    all(get(h), constant(1), OR, set(factorA)),
    all(get(h), constant(0xc2b2ae35), MUL, set(h)),
    all(get(h), get(h), shiftRight(16), XOR, constant(1), OR, set(factorB)),
  )

const INT = 0x7f
const FOUR = 0x7b

interface Func {
  readonly parameters: number
  /** Besides parameters, which are integers: how many integers, and how many times four words. */
  readonly ints: number
  readonly fours: number
  readonly body: Code
}

/** `rows` of them (a multiple of 4, more than 0), `bytes` each, `first` with the seed added; a row takes `parts` times four words, or a little less. */
const rowsFunc = (parts: number): Func => {
  const [rows, bytes, first, at] = [0, 1, 2, 3]
  const locals = 4
  const [ids, h, ofA, ofB, sumA, sumB, words, inA, inB] = Array.from({ length: 9 }, (_, i) => locals + i) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const factorA = locals + 9
  const factorB = factorA + parts
  const one = (row: number): Code =>
    all(
      repeat(parts, (part) =>
        all(
          all(get(at), load(WORDS + 16 * part), set(words)),
          all(get(words), get(factorA + part), MUL, part === 0 ? [] : all(get(inA), ADD), set(inA)),
          all(get(words), get(factorB + part), MUL, part === 0 ? [] : all(get(inB), ADD), set(inB)),
        ),
      ),
      all(get(inA), get(ofA), get(ofA), shuffle([row, row, row, row]), MUL, get(sumA), ADD, set(sumA)),
      all(get(inB), get(ofB), get(ofB), shuffle([row, row, row, row]), MUL, get(sumB), ADD, set(sumB)),
      all(get(at), get(bytes), ADD_INT, set(at)),
    )
  return {
    parameters: 3,
    ints: 1,
    fours: 9 + 2 * parts,
    body: all(
      repeat(parts, (part) =>
        all(
          all(int(0), load(FACTORS_A + 16 * part), set(factorA + part)),
          all(int(0), load(FACTORS_B + 16 * part), set(factorB + part)),
        ),
      ),
      all(get(first), SPLAT, [...four(0x0c), ...[0, 1, 2, 3].flatMap((n) => [n, 0, 0, 0])], ADD, set(ids)),
      loop(rows, 4, all(rowFactors(get(ids), h, ofA, ofB), get(ids), constant(4), ADD, set(ids), repeat(4, one))),
      all(int(0), get(sumA), store(SUMS), int(0), get(sumB), store(SUMS + 16)),
    ),
  }
}

/** `count` notes (a multiple of 4, more than 0): which word of which row, as `noteOf` says, and by how much it grew. */
const notesFunc = (): Func => {
  const [count, seed, at] = [0, 1, 2]
  const [front, back, note, words, h, ofA, ofB, more, sumA, sumB, pairs, others] = Array.from(
    { length: 12 },
    (_, i) => 3 + i,
  ) as [number, number, number, number, number, number, number, number, number, number, number, number]
  const pair = (word: number): Code =>
    all(
      get(words),
      lane(word),
      get(word < 2 ? pairs : others),
      [...four(0x57), 2, ...unsigned(FACTOR_PAIRS), word % 2],
      set(word < 2 ? pairs : others),
    )
  return {
    parameters: 2,
    ints: 1,
    fours: 12,
    body: all(
      loop(
        count,
        4,
        all(
          all(get(at), load(WORDS), set(front), get(at), load(WORDS + 16), set(back)),
          all(get(front), get(back), shuffle([0, 2, 4, 6]), set(note)),
          all(get(front), get(back), shuffle([1, 3, 5, 7]), set(more)),
          rowFactors(all(get(note), shiftRight(WORD_BITS), get(seed), SPLAT, ADD), h, ofA, ofB),
          // Which word of its row each is, times the length of a pair.
          all(get(note), shiftLeft(3), constant((WORDS_MAX - 1) << 3), AND, set(words)),
          repeat(4, pair),
          all(get(pairs), get(others), shuffle([0, 2, 4, 6]), get(more), MUL, get(ofA), MUL, get(sumA), ADD, set(sumA)),
          all(get(pairs), get(others), shuffle([1, 3, 5, 7]), get(more), MUL, get(ofB), MUL, get(sumB), ADD, set(sumB)),
          all(get(at), int(32), ADD_INT, set(at)),
        ),
      ),
      all(int(0), get(sumA), store(SUMS), int(0), get(sumB), store(SUMS + 16)),
    ),
  }
}

const named = (name: string): Code => sized([...name].map((char) => char.charCodeAt(0)))

/** `rows1` to `rows4`, `notes` and `memory`, of so many pages. */
export const sumCode = (pages: number): Uint8Array => {
  const funcs: readonly (readonly [string, Func])[] = [
    ...[1, 2, 3, 4].map((parts) => [`rows${parts}`, rowsFunc(parts)] as const),
    ['notes', notesFunc()],
  ]
  const section = (id: number, parts: readonly Code[]): Code => [id, ...sized(counted(parts))]
  const typeOf = ({ parameters }: Func): Code => [0x60, ...counted(Array.from({ length: parameters }, () => [INT])), 0]
  const bodyOf = ({ ints, fours, body }: Func): Code =>
    sized([
      ...counted([
        [...unsigned(ints), INT],
        [...unsigned(fours), FOUR],
      ]),
      ...body,
      0x0b,
    ])
  const code = [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(
      1,
      funcs.map(([, func]) => typeOf(func)),
    ),
    ...section(
      3,
      funcs.map((_, i) => unsigned(i)),
    ),
    ...section(5, [[0, ...unsigned(pages)]]),
    ...section(7, [...funcs.map(([name], i) => [...named(name), 0, ...unsigned(i)]), [...named('memory'), 2, 0]]),
    ...section(
      10,
      funcs.map(([, func]) => bodyOf(func)),
    ),
  ]
  return Uint8Array.from(bytesIn(code))
}
