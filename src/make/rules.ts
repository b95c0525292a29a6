/**
 * Makes what the rules of a project's config make: each build is a file that holds the value. A rule asks for others as a do-file
 * does by redo-ifchange, so whatever it asks for may be made by a do-file, and the other way round.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { canonical, type Json } from '../model/codec.js'
import { contentIn, isContentOf } from '../model/content.js'
import type { Definition, Key, RuleDefinition } from '../model/definition.js'
import { groupsOf } from '../model/dependencies.js'
import type { BuildError } from '../model/error.js'
import type { Alone, Content } from '../model/event.js'
import { fileDefinition } from '../model/file-definition.js'
import type { BuildId } from '../model/ids.js'
import { unfitness } from '../model/json.js'
import { contentOfLook } from '../model/look.js'
import { Misuse } from '../model/misuse.js'
import { Flight, Kind, kindOf, type State } from '../model/state.js'
import { read } from '../model/table.js'
import { answersOfState } from './answers.js'
import { makeFolder } from './folder.js'
import { freezeDeep } from './freeze.js'
import { lookWithContent } from './look-content.js'
import { bytes, folderOf } from './path.js'
import { NOT_PLACED } from './publish.js'
import { laterOf, Run } from './rule.js'
import { hear, isKey } from './shape.js'
import { partsOf, valueFileOf } from './value-file.js'

/** What a project's config says. */
export interface Rules {
  /** The config first, then what it imports: all that the rules' code is made of. */
  readonly files: readonly CodeFile[]
  /** Why it says nothing. */
  readonly fault: string | undefined
  readonly rules: readonly Rule[]
  /** What makes the target of that name, given as text. */
  readonly targets: (name: string) => Key | undefined
}

export interface CodeFile {
  readonly name: string
  /** As it was loaded. */
  readonly content: Content
}

/** `run`: the rule in its plainest form, whatever it was defined as. */
export interface Rule {
  readonly of: Definition
  readonly run: RuleDefinition
}

export interface RuleMakeOptions {
  readonly rules: Rules
  readonly naming: { nameOf(build: BuildId): string; intern(name: string): BuildId }
  /** The name of a file as rules give it. */
  readonly resolve: (path: string) => string
  /** Told when a rule is run, with the config's name. */
  readonly onRun: (build: BuildId, session: BuildId, config: string) => void
}

interface Attempt {
  readonly run: Run
  /** What the state knows that it asked for: when it is run again, all of that is there. */
  readonly asked: Set<BuildId>
}

export class RuleMake {
  /** What the code of the rules is made of: each build of a rule depends on it. */
  readonly files: readonly BuildId[]
  private readonly attempts = new Map<BuildId, Attempt>()
  /** Values that were made or read lately. */
  private readonly values = new Map<BuildId, { readonly content: Content; readonly value: unknown }>()
  /** What a rule that runs sees of it. */
  private readonly asking = {
    intern: (key: Key): BuildId => this.intern(key),
    keyOf: (x: BuildId): Key | undefined => this.keyOf(x),
  }
  private readonly byName: ReadonlyMap<string, Rule>
  private readonly options: RuleMakeOptions

  constructor(options: RuleMakeOptions) {
    this.options = options
    this.byName = new Map(options.rules.rules.map((rule) => [rule.of.name, rule]))
    this.files = options.rules.files.map(({ name }) => options.naming.intern(name))
  }

  /** The config's name. */
  get config(): string {
    return this.options.rules.files[0]!.name
  }

  /** What is to be the target of that name. @throws what the config throws, and Misuse */
  keyFor(name: string): Key | undefined {
    const { fault, targets } = this.options.rules
    if (fault !== undefined) throw new Misuse(fault)
    return targets(Buffer.from(name, 'latin1').toString())
  }

  /** Whether there is a key for the target of that name, as far as can be told. */
  makes(name: string): boolean {
    try {
      return this.keyFor(name) !== undefined
    } catch {
      return false
    }
  }

  /** Nothing is in flight: what was kept in memory goes. */
  rest(): void {
    this.attempts.clear()
    this.values.clear()
  }

  // ---------------------------------------------------------------------------------------------- keys

  /** The build of `key`: a file in any case. @throws Misuse, CodecError */
  intern(key: Key): BuildId {
    if (!isKey(key)) throw new Misuse(`expected a key, such as rule('x')`)
    const { of } = key
    const { naming, resolve } = this.options
    if (of.kind === 'source' && of.file !== undefined) return naming.intern(resolve(of.keys.encode(key.key) as string))
    if (this.byName.get(of.name)?.of !== of)
      throw new Misuse(`${this.config} does not know ${of.name}: add it to its \`rules\``)
    return naming.intern(valueFileOf(of.name, canonical(of.keys.encode(key.key))))
  }

  /** What `intern` gave the build for; of files, whether as text or bytes is not known. */
  keyOf(x: BuildId): Key | undefined {
    const name = this.options.naming.nameOf(x)
    const parts = partsOf(name)
    if (parts === undefined) return { of: fileDefinition('text'), key: Buffer.from(name, 'latin1').toString() }
    const of = this.byName.get(parts.rule)?.of
    try {
      return of && { of, key: of.keys.decode(JSON.parse(parts.text) as Json) }
    } catch {
      return undefined
    }
  }

  // ---------------------------------------------------------------------------------------------- running

  /** Goes on with the rule of `x`, or begins it. */
  run(state: State, x: BuildId): Alone {
    const known = groupsOf(state, x)
    if (known === 0) return blocked(x, this.files)
    const why = this.staleness(state)
    if (why !== undefined) return failed(state, x, { _tag: 'refused', code: 1, why })
    const attempt = known === 1 ? this.begin(state, x) : this.attempts.get(x)
    if (attempt === undefined) return { ...failed(state, x, { _tag: 'noRule' }), exists: false }
    const receipt = attempt.run.go(state, (_, value) => this.made(state, x, value))
    if (receipt._tag === 'needs') {
      const needs = receipt.groups.flat()
      for (const d of needs) attempt.asked.add(d)
      return blocked(x, needs)
    }
    this.attempts.delete(x)
    return receipt._tag === 'broken' ? failed(state, x, receipt.error ?? { _tag: 'unmet' }) : receipt
  }

  private begin(state: State, x: BuildId): Attempt | undefined {
    const key = this.keyOf(x)
    const rule = key && this.byName.get(key.of.name)
    if (rule === undefined) return undefined
    const asked = new Set<BuildId>()
    const answers = {
      ...answersOfState,
      isAtHand: (_: State, d: BuildId) => asked.has(d),
      resultOf: (now: State, d: BuildId, asked: Key) => this.valueOf(now, d, asked),
    }
    // Its first group are the files of its code.
    const attempt = { run: new Run(this.asking, rule.run, key!.key, x, state, 0, answers), asked }
    this.attempts.set(x, attempt)
    this.options.onRun(x, read(state.flight, x, Flight.SESSION) as BuildId, this.config)
    return attempt
  }

  /** The config may have been changed since it was loaded: what was loaded is not what a build would be recorded to be made by. */
  staleness(state: State): string | undefined {
    const { rules } = this.options
    const changed = rules.files.find(({ content }, i) => !isContentOf(state, this.files[i]!, content))
    if (changed !== undefined) return `${changed.name} was changed while it was in use; run the command again`
    return rules.fault
  }

  // ---------------------------------------------------------------------------------------------- values

  /** Writes the value to the build's file, unless that holds it. */
  private made(state: State, x: BuildId, value: unknown): Alone {
    const later = laterOf(value)
    if (later !== undefined) throw new Misuse(later)
    const { of } = this.keyOf(x)!
    const text = encoded(of, value)
    const name = this.options.naming.nameOf(x)
    try {
      makeFolder(folderOf(name), 0o700)
      if (!holds(name, text)) writeFileSync(bytes(name), text, { mode: 0o600 })
    } catch (error) {
      const why = `its value cannot be kept in ${name}: ${(error as Error).message}`
      return failed(state, x, { _tag: 'refused', code: NOT_PLACED, why })
    }
    freezeDeep(value)
    const look = lookWithContent(name)
    this.values.set(x, { content: contentOfLook(look), value })
    return { _tag: 'done', build: x, look, virtual: false }
  }

  /** What `key`, whose build is `x`, up-to-date and not broken, stands for. @throws where its file cannot be read */
  valueOf(state: State, x: BuildId, key: Key): unknown {
    const name = this.options.naming.nameOf(x)
    if (key.of.kind === 'source') return key.of.file === 'bytes' ? readBytes(name) : readText(name)
    const known = this.values.get(x)
    if (known !== undefined && isContentOf(state, x, known.content)) return known.value
    const value = key.of.values.decode(JSON.parse(readText(name)) as Json)
    freezeDeep(value)
    this.values.set(x, { content: contentIn(state, x), value })
    return value
  }
}

const readText = (name: string): string => readBytes(name).toString('utf8')

const readBytes = (name: string): Buffer => {
  const path = bytes(name)
  // To open it would wait for who writes to it, and everything with it.
  if (statSync(path).isFIFO()) throw new Error(`${name} is a pipe, and no file`)
  return readFileSync(path)
}

const holds = (name: string, text: string): boolean => {
  try {
    return readText(name) === text
  } catch {
    return false
  }
}

/** Codecs may be of another copy of this package than the one that runs. @throws Misuse */
const encoded = (of: Definition, value: unknown): string => {
  try {
    return canonical(of.values.encode(value))
  } catch (error) {
    hear(value)
    throw new Misuse(`its value does not fit its codec: ${unfitness(error)}`)
  }
}

const blocked = (build: BuildId, needs: readonly BuildId[]): Alone => ({
  _tag: 'blocked',
  build,
  needs,
  create: [],
  slot: false,
})

/** What it was made to be before is still there. */
const failed = (state: State, build: BuildId, error: BuildError): Extract<Alone, { _tag: 'failed' }> => ({
  _tag: 'failed',
  build,
  error,
  exists: kindOf(state, build) === Kind.TARGET,
  create: [],
})
