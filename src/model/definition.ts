/** What users define: sources, rules and actions; and keys, which name one build of one of them. */
import type { Codec } from './codec.js'

declare const valueType: unique symbol
declare const errorType: unique symbol

/** Names one build: that of `of` for `key`. `V`: what it results in. `F`: the error that it may fail with by its own word. */
export interface Key<out V = unknown, out F = unknown> {
  readonly of: Definition
  readonly key: unknown
  readonly [valueType]?: V
  readonly [errorType]?: F
}

/**
 * A key, made by a constructor: V8 learns of a literal how long its objects live. The first keys of a program live long, and from then on
 * all would go where garbage is collected last, those too that only ask for what has a key.
 */
export class Named<D extends Definition> {
  constructor(
    readonly of: D,
    readonly key: unknown,
  ) {}
}

/** Names a value of a source: what `transact` can set. */
export interface SourceKey<out V = unknown> extends Key<V, never> {
  readonly of: SourceDefinition
}

/** The types behind keys: `ValueOf<typeof key>`. */
export type ValueOf<K> = K extends Key<infer V, unknown> ? V : never
export type FailureOf<K> = K extends Key<unknown, infer F> ? F : never

/** Calls `changed` whenever the source behind a key may have another value; what it returns ends that, maybe later: `close` waits for it. */
export type Watch<K> = (key: K, changed: () => void) => () => void | PromiseLike<void>

export interface ReadContext {
  /** Aborted when nobody waits for the value any more. */
  readonly signal: AbortSignal
}

/** `F`: the errors that an action may fail with. */
export interface ActionContext<F = never> extends ReadContext {
  /** Throws: there is no value; `error` says why. */
  readonly fail: (error: F) => never
}

interface Common {
  /** Unique in an engine; part of what a store knows results by. */
  readonly name: string
  /** A result of another version is not used. */
  readonly version: number
  readonly keys: Codec<unknown>
  readonly values: Codec<unknown>
  readonly errors: Codec<unknown> | undefined
}

export interface SourceDefinition extends Common {
  readonly kind: 'source'
  /** `undefined`: absent. Without it, what `transact` set. */
  readonly read: ((key: unknown, context: ReadContext) => unknown) | undefined
  readonly watch: Watch<unknown> | undefined
  /** Of files of a project: what their values are. */
  readonly file?: 'text' | 'bytes'
}

export interface RuleDefinition extends Common {
  readonly kind: 'rule'
  readonly make: (key: unknown, b: unknown) => unknown
}

/** Whatever a rule may declare to need: keys, lists and records of them. */
export type Needs = Key | readonly Needs[] | { readonly [name: string]: Needs }

export interface StaticDefinition extends Common {
  readonly kind: 'static'
  readonly deps: (key: unknown) => Needs
  readonly make: (values: unknown, key: unknown) => unknown
}

export interface Unit {
  readonly key: unknown
  readonly deps: unknown
}

export interface BatchDefinition extends Common {
  readonly kind: 'batch'
  readonly deps: (key: unknown) => Needs
  /** How many builds one call makes at most. */
  readonly max: number
  /** Only builds of the same group are made by one call. */
  readonly by: (key: unknown) => string | number
  readonly make: (units: readonly Unit[]) => unknown
}

/** A function of another file, run in a worker thread. */
export interface ThreadFunction {
  readonly file: string
  readonly name: string
}

export interface ActionDefinition extends Common {
  readonly kind: 'action'
  /** Name of the pool whose room it takes; undefined: it takes none. */
  readonly pool: string | undefined
  readonly run: ((key: unknown, context: ActionContext<unknown>) => unknown) | ThreadFunction
}

export type Definition = SourceDefinition | RuleDefinition | StaticDefinition | BatchDefinition | ActionDefinition

/** What its results hang on, as recordings tell of it. */
export const aboutRule = ({ name, kind, version, keys, values }: Definition) => ({
  name,
  kind,
  version,
  keys: keys.name,
  values: values.name,
})
