/**
 * A proof on disk that a request has nothing to do: every file its targets depend on, with the looks and the digests that
 * were found when all of it was up-to-date. The C program compares them (`redford --fresh`) before a command without
 * daemon starts Node, which takes longer than that. It holds for as long as nothing else was recorded since.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { look } from '../make/look.js'
import { lookWithContent } from '../make/look-content.js'
import { type BuildId, buildId } from '../model/ids.js'
import { Edge, Fact, Flag, KIND_MASK, Kind, type State } from '../model/state.js'
import { read, rowsEnd } from '../model/table.js'

const FOLDER = '.redford/fresh'
/** How many proofs are kept: a person has few commands that matter to them. */
const KEPT_MAX = 8
const MAGIC = 'redford fresh 1\n'
/** Flags of an entry. */
const IS_THERE = 1
const MUST_HASH = 1 << 8

/** Files that change whenever something is recorded. */
const STATE_FILES = ['.redford/state.sqlite', '.redford/state.sqlite-wal']

/** Name of the proof for a command: FNV-1a (64 bits) over its strings, each with a NUL behind it. */
const proofName = (strings: readonly string[]): string => {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(strings.map((s) => `${s}\0`).join(''), 'latin1'))
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  return hash.toString(16).padStart(16, '0')
}

/** All that `targets` depend on, themselves included; undefined if some of it may be out-of-date in a way no look shows. */
const coneOf = (state: State, targets: readonly BuildId[]): readonly BuildId[] | undefined => {
  const isSeen = new Uint8Array(rowsEnd(state.facts))
  const cone: BuildId[] = []
  const see = (x: BuildId): void => {
    if (isSeen[x] !== 0) return
    isSeen[x] = 1
    cone.push(x)
  }
  targets.forEach(see)
  for (const x of cone) {
    const flags = read(state.facts, x, Fact.FLAGS)
    const isKnown = (flags & KIND_MASK) !== Kind.UNKNOWN && read(state.checked, x, 0) > 0
    if (!isKnown || (flags & (Flag.ALWAYS | Flag.BROKEN | Flag.MODIFIED)) !== 0) return undefined
    for (let e = read(state.facts, x, Fact.DEP_HEAD); e !== 0; e = read(state.edges, e, Edge.NEXT_DEP))
      see(buildId(read(state.edges, e, Edge.DEPENDENCY)))
  }
  return cone
}

/** To be called when the store is closed, and before anything else happens. Failing to write it harms nobody. */
export const writeProof = (
  state: State,
  nameOf: (build: BuildId) => string,
  targets: readonly BuildId[],
  strings: readonly string[],
): void => {
  const cone = coneOf(state, targets)
  if (cone === undefined) return
  const proof = new Proof(`${MAGIC}${strings.map((s) => `${s}\0`).join('')}\0`)
  for (const file of STATE_FILES) {
    const { kind, stat0, stat1, content0, content1, content2, content3 } = lookWithContent(file, look(file))
    proof.add(file, kind === 0 ? 0 : IS_THERE, [stat0, stat1, content0, content1, content2, content3])
  }
  for (const x of cone) {
    const flags = read(state.facts, x, Fact.FLAGS)
    const isThere = (flags & KIND_MASK) !== Kind.ABSENT && (flags & Flag.VIRTUAL) === 0
    const words = LOOK_WORDS.map((word) => read(state.facts, x, word))
    proof.add(nameOf(x), (isThere ? IS_THERE : 0) | ((flags & Flag.RACY) === 0 ? 0 : MUST_HASH), words)
  }
  try {
    mkdirSync(FOLDER, { recursive: true, mode: 0o700 })
    const name = proofName(strings)
    const others = readdirSync(FOLDER).filter((other) => other !== name)
    for (const other of others.slice(KEPT_MAX - 1)) rmSync(`${FOLDER}/${other}`, { force: true })
    writeFileSync(`${FOLDER}/${name}.new`, proof.bytes, { mode: 0o600 })
    renameSync(`${FOLDER}/${name}.new`, `${FOLDER}/${name}`)
  } catch {
    // The next command does without it.
  }
}

const LOOK_WORDS = [Fact.STAT, Fact.STAT + 1, Fact.CONTENT, Fact.CONTENT + 1, Fact.CONTENT + 2, Fact.CONTENT + 3]

/** The file: a head, then for each name seven words (flags, two of stat, four of content; little-endian) and itself, ended by a NUL. */
class Proof {
  private buffer = Buffer.alloc(1 << 16)
  private size: number

  constructor(head: string) {
    this.reserve(head.length)
    this.size = this.buffer.write(head, 0, 'latin1')
  }

  get bytes(): Buffer {
    return this.buffer.subarray(0, this.size)
  }

  add(name: string, flags: number, words: readonly number[]): void {
    this.reserve(this.size + 32 + name.length)
    this.size = this.buffer.writeInt32LE(flags, this.size)
    for (const word of words) this.size = this.buffer.writeInt32LE(word, this.size)
    this.size += this.buffer.write(name, this.size, 'latin1')
    this.size = this.buffer.writeUInt8(0, this.size)
  }

  private reserve(size: number): void {
    if (size <= this.buffer.length) return
    const grown = Buffer.alloc(Math.max(size, this.buffer.length * 2))
    this.buffer.copy(grown)
    this.buffer = grown
  }
}
