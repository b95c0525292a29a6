/** What began each generation, and in which tick: by that a person finds it in a recording. */
import { apart } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import type { RecordingReader } from '../store/recording/reader.js'
import { groupedBy } from './grouped.js'
import { type Begun as BegunBy, begunIn, isQuestion, Walker } from './walker.js'

/** `question`: a request that only asks what is out-of-date. `number`: of a version its own; else that of the generation. */
export interface Begun {
  readonly what: 'request' | 'question' | 'version' | 'recheck'
  readonly number: number
  readonly tick: number
}

interface Told {
  /** What began each generation, rising by tick: where nothing was known any more, they were counted anew. */
  readonly begun: ReadonlyMap<number, readonly Begun[]>
  /** By their numbers. */
  readonly versions: ReadonlyMap<number, Begun>
  readonly lastEnd: number | undefined
}

export class Generations {
  private found: Told | undefined = undefined

  /** Up to tick `end`. `build`: of which is to be known when its last run came to its end. */
  constructor(
    private readonly reader: RecordingReader,
    private readonly end: number,
    private readonly build?: BuildId,
  ) {}

  /** Read when somebody wants to know. @throws Refused */
  private get told(): Told {
    this.found ??= this.read()
    return this.found
  }

  private read(): Told {
    const walker = new Walker(this.reader)
    const all: (Begun & { readonly generation: number })[] = []
    const versions = new Map<number, Begun>()
    let lastEnd: number | undefined
    let before: number = walker.state.generation
    walker.run(this.end, ({ input, names }, tick, { generation }) => {
      for (const found of begunIn(input.events, before, generation)) {
        const begun = { ...begunBy(found), tick, generation: found.generation }
        all.push(begun)
        if (begun.what === 'version') versions.set(begun.number, begun)
      }
      before = generation
      if (this.build === undefined) return
      // The id had another name before.
      if (names.some(([id]) => id === this.build)) lastEnd = undefined
      for (const receipt of apart(input.receipts))
        if (receipt._tag !== 'scanned' && receipt.build === this.build && ENDS.has(receipt._tag)) lastEnd = tick
      for (const news of walker.news) if (news._tag === 'circle' && news.build === this.build) lastEnd = tick
    })
    return { begun: groupedBy(all, ({ generation }) => generation), versions, lastEnd }
  }

  /** What began it, as of tick `at`. Undefined: it began before the recording did. */
  find(generation: number, at: number): Begun | undefined {
    const found = this.told.begun.get(generation)?.findLast(({ tick }) => tick <= at)
    return found && { what: found.what, number: found.number, tick: found.tick }
  }

  /** What it is called, as of tick `at`, and where it is found. `newest`: there are more, up to that one. */
  words(generation: number, at: number, newest?: number): string {
    const begun = this.find(generation, at)
    // Requests of a program, and what it sets, are counted together.
    const isRedo = this.reader.about.face === 'redo'
    const of = isRedo && newest !== undefined ? ` of ${newest}` : ''
    if (begun === undefined) return `${isRedo ? 'request' : 'generation'} ${generation}${of} (before the recording)`
    return `${begun.what === 'recheck' ? 'redo-recheck' : `${begun.what} ${begun.number}${of}`} (tick ${begun.tick})`
  }

  /** What a version is called, and where it is found. */
  versionWords(version: number): string {
    const found = this.told.versions.get(version)
    return `version ${version} (${found === undefined ? 'before the recording' : `tick ${found.tick}`})`
  }

  /** The last one, up to `newest`, that was begun by more than a question, as of tick `at`. */
  lastUpTo(newest: number, at: number): number {
    let found = newest
    while (this.find(found, at)?.what === 'question') found--
    return found
  }

  /** The tick in which the last run of the build came to its end; undefined: that was before the recording began. */
  get lastEnd(): number | undefined {
    return this.told.lastEnd
  }
}

const ENDS: ReadonlySet<string> = new Set(['done', 'failed', 'made', 'broken'])

const begunBy = ({ event, generation }: BegunBy): Pick<Begun, 'what' | 'number'> => {
  if (event._tag === 'transacted') return { what: 'version', number: event.version }
  if (event._tag === 'rechecked') return { what: 'recheck', number: generation }
  return { what: isQuestion(event) ? 'question' : 'request', number: generation }
}
