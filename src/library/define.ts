/** How users say what there is to build: sources, rules and actions. Calling one with a key names a build of it. */

import type { Builder, ValuesOf, Wait } from '../make/rule.js'
import type { Codec } from '../model/codec.js'
import type {
  ActionContext,
  ActionDefinition,
  BatchDefinition,
  Definition,
  Key,
  Needs,
  ReadContext,
  RuleDefinition,
  SourceDefinition,
  SourceKey,
  StaticDefinition,
  ThreadFunction,
  Watch,
} from '../model/definition.js'
import { Named } from '../model/definition.js'
import { isCount, optionsIn, shownOption } from '../model/expect.js'
import { Misuse } from '../model/misuse.js'
import { shown } from '../model/shown.js'

/** A source, rule or action, of whatever types. */
export interface Defined {
  readonly definition: Definition
}
/** A source, rule or action: call it to name a build. */
export interface Buildable<K, V, F = never> extends Defined {
  (key: K): Key<V, F>
}
export interface Source<K, V> extends Defined {
  (key: K): SourceKey<V>
  readonly definition: SourceDefinition
}

export interface Options<K, V> {
  readonly key: Codec<K>
  readonly value: Codec<V>
  /** Raise it when the code changes: results of another version are not used. Default 1. */
  readonly version?: number
}
export interface Failable<F> {
  /** The errors that it may `fail` with. */
  readonly error?: Codec<F>
}

/** Half of a pair of surrogates: in stores and recordings all such halves would be one. */
const LONE = /\p{Surrogate}/u

/** What every kind is made of, checked; `own`: the options that are of this kind alone. @throws Misuse */
const common = <K, V, F>(name: string, options: Options<K, V> & Failable<F>, own: readonly string[]) => {
  if (typeof name !== 'string' || name === '' || name.includes('\0'))
    throw new Misuse(`the name of a rule must be a non-empty string, got ${shown(name)}`)
  if (LONE.test(name))
    throw new Misuse(`the name of a rule must be text that UTF-8 can tell, got ${JSON.stringify(name)}`)
  const { key, value, error, version = 1 } = optionsIn(name, options, ['key', 'value', 'version', ...own])
  for (const [what, codec] of [
    ['key', key],
    ['value', value],
    ['error', error],
  ] as const)
    if (typeof codec?.encode !== 'function' && !(what === 'error' && codec === undefined))
      throw new Misuse(`${name}: \`${what}\` must be a codec, such as codec.string`)
  if (!Number.isSafeInteger(version))
    throw new Misuse(`${name}: \`version\` must be an integer, got ${shownOption(version)}`)
  return {
    name,
    version,
    keys: key as Codec<unknown>,
    values: value as Codec<unknown>,
    errors: error as Codec<unknown> | undefined,
  }
}

const buildable = <K, D extends Definition>(definition: D) => {
  const parts: Readonly<Record<string, unknown>> = { ...definition }
  for (const what of ['deps', 'make', 'run', 'by', 'read', 'watch']) {
    const mayLack = what === 'read' || what === 'watch'
    const part = parts[what]
    if (!(what in parts) || typeof part === 'function' || (mayLack && part === undefined)) continue
    if (what === 'run' && typeof part === 'object' && part !== null && 'file' in part) continue
    throw new Misuse(`${definition.name}: \`${what}\` must be a function, got ${shown(part)}`)
  }
  return Object.assign((key: K) => new Named(definition, key), { definition })
}

/** What `read` answers: now or later; `undefined` means that the source is absent. */
type Read<K, V> = (key: K, context: ReadContext) => V | undefined | PromiseLike<V | undefined>

/**
 * A source of values: set by `transact`, or read by `read` when first needed and whenever it may have changed: when it is touched,
 * or when `watch`, which runs while a live request depends on it, says so.
 */
export const source = <K, V>(
  name: string,
  options: Options<K, V> & {
    readonly read?: NoInfer<Read<K, V>>
    readonly watch?: Watch<K>
  },
): Source<K, V> =>
  buildable({
    ...common(name, options, ['read', 'watch']),
    kind: 'source',
    read: options.read as SourceDefinition['read'],
    watch: options.watch as SourceDefinition['watch'],
  })

/**
 * What the function of a rule returns that asks for something. Only a rule that needs itself has to say so, since its type would
 * otherwise follow from itself: `function* (n, b): Building<number>`.
 */
export type Building<V> = Generator<Wait, V, unknown>
// Wherever `NoInfer` is around the whole function, TypeScript knows what is to be returned while it looks at that, and takes `[1, 'a']` for a
// tuple and `{ _tag: 'point' }` for one of those; around its result, it would not. What gets values of `deps` cannot be so,
// since they are not known then: it is said a second time without them.
type RuleFunction<K, V, F> = (key: K, b: Builder<F>) => Building<V> | V

/**
 * A rule: makes a value of a key and of what it needs, and of nothing else. It may be run again from its beginning at any time, so it must
 * ask the same as long as it is answered the same.
 */
const generatorRule = <K, V, F = never>(
  name: string,
  options: Options<K, V> & Failable<F>,
  make: NoInfer<RuleFunction<K, V, F>>,
): Buildable<K, V, F> =>
  buildable({ ...common(name, options, ['error']), kind: 'rule', make: make as RuleDefinition['make'] })

/** A rule that says beforehand what it needs. */
const staticRule = <K, V, const N extends Needs>(
  name: string,
  options: Options<K, V> & {
    readonly deps: (key: K) => N
    readonly make: (values: ValuesOf<N>, key: K) => NoInfer<V>
  } & NoInfer<{ readonly make: (values: never, key: K) => V }>,
): Buildable<K, V> =>
  buildable({
    ...common(name, options, ['deps', 'make']),
    kind: 'static',
    deps: options.deps as unknown as StaticDefinition['deps'],
    make: options.make as unknown as StaticDefinition['make'],
  })

/** A rule whose builds, where they are ready at the same time, are made by one call: `make` gets units, and gives as many values. */
const batchRule = <K, V, const N extends Needs>(
  name: string,
  options: Options<K, V> & {
    readonly deps: (key: K) => N
    readonly batch?: { readonly max?: number; readonly by?: (key: K) => string | number }
    readonly make: (units: readonly { readonly key: K; readonly deps: ValuesOf<N> }[]) => readonly NoInfer<V>[]
  },
): Buildable<K, V> => {
  const { max = Number.POSITIVE_INFINITY, by = () => '' } = optionsIn(`${name}: \`batch\``, options?.batch ?? {}, [
    'max',
    'by',
  ])
  if (!isCount(max) || max === 0)
    throw new Misuse(`${name}: \`batch.max\` must be a whole number from 1 on, got ${shownOption(max)}`)
  return buildable({
    ...common(name, options, ['deps', 'batch', 'make']),
    kind: 'batch',
    deps: options.deps as unknown as BatchDefinition['deps'],
    max,
    by: by as BatchDefinition['by'],
    make: options.make as unknown as BatchDefinition['make'],
  })
}

export const rule = Object.assign(generatorRule, { static: staticRule, batch: batchRule })

/**
 * The asynchronous edge: something done outside, once for each key. It takes room in `pool`, if it names one, and is told through `signal` when
 * nobody wants it any more. `run` may be a {@link thread} function.
 */
export const action = <K, V, F = never>(
  name: string,
  options: Options<K, V> &
    Failable<F> & {
      readonly pool?: string
      readonly run: NoInfer<(key: K, context: ActionContext<F>) => V | PromiseLike<V>> | ThreadFunction
    },
): Buildable<K, V, F> =>
  buildable({
    ...common(name, options, ['error', 'pool', 'run']),
    kind: 'action',
    pool: options.pool,
    run: options.run as ActionDefinition['run'],
  })

/**
 * The function that `file` exports as `name`, to be run in a worker thread of the action's pool: `thread(new URL('./hash.js', import.meta.url), 'hash')`.
 * It gets the key and returns the value, or a promise of it; both are copied on their way, as `structuredClone` does.
 */
export const thread = (file: URL, name = 'default'): ThreadFunction => {
  if (!(file instanceof URL) || file.protocol !== 'file:')
    throw new Misuse(
      `thread: expected the URL of a file, such as new URL('./hash.js', import.meta.url), got ${shown(file)}`,
    )
  return { file: file.href, name }
}
