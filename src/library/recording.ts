/** Records what an engine does, with the names and values of the library's builds. */
import { readFileSync } from 'node:fs'
import { fromTable } from '../make/answers.js'
import type { Keys } from '../make/keys.js'
import type { Setting, World } from '../make/world.js'
import { canonical } from '../model/codec.js'
import type { Definition, Key } from '../model/definition.js'
import { Misuse } from '../model/misuse.js'
import type { State } from '../model/state.js'
import { type About, isSameFile, MEMORY, mayReplace, type RecordedSetting } from '../store/recording/format.js'
import type { NamedSetting } from '../store/recording/record.js'
import { Recorder } from '../store/recording/recorder.js'
import { nameFor, nameInParts } from './name.js'
import type { RecordOptions, Settings } from './options.js'

const VALUE_MAX = 65_536

/** @throws Misuse where the file is something else, or cannot be made */
export const recorderFor = (
  record: string | boolean | RecordOptions | undefined,
  { known, pools, keep, policy, onError }: Settings,
  keys: Keys,
  world: World,
  state: State,
): Recorder | undefined => {
  if (record === undefined || record === false) return undefined
  const { path = MEMORY, valueMax = VALUE_MAX, beside = false } = optionsOf(record)
  if (path !== MEMORY && !mayReplace(path))
    throw new Misuse(`createEngine: record: ${path} is there and is no recording: name another file`)
  const rooms = Object.fromEntries(pools.map(({ name, size }) => [name, size]))
  try {
    const recorder = new Recorder(
      {
        path,
        about: {
          program: programVersion(),
          face: 'library',
          policy: policy.name,
          rules: Array.from(known, ruleOf),
          options: { pools: rooms, keep },
        },
        nameOf: (build) => {
          const key = keys.keyOf(build)
          return key && nameInParts(key)
        },
        textOf: (build, value) => canonical(keys.keyOf(build)!.of.values.encode(fromTable(value))),
        valueMax,
        beside,
        now: () => performance.now() * 1000,
        onTrouble: (error) => onError(new Error(`${path}: nothing more is recorded: ${error.message}`)),
      },
      state,
    )
    // What an earlier engine set: told with the first tick.
    for (const [of, text, setting] of world.all()) recorder.set({ name: nameFor(of, text), to: settingTo(of, setting) })
    return recorder
  } catch (error) {
    throw new Misuse(`createEngine: record: ${path} cannot be made: ${(error as Error).message}`)
  }
}

/** @throws Misuse where `path` is something else, or cannot be made */
export const exportTo = (recorder: Recorder, path: string): void => {
  if (typeof path !== 'string' || path === '')
    throw new Misuse(`export: expected the path of a file, got ${String(path)}`)
  const { path: own } = recorder
  if (!mayReplace(path) || (own !== MEMORY && isSameFile(path, own)))
    throw new Misuse(`export: ${path} is there, and cannot be written over: name another file`)
  try {
    recorder.exportTo(path)
  } catch (error) {
    throw new Misuse(`export: ${path} cannot be written: ${(error as Error).message}`)
  }
}

const optionsOf = (record: string | true | RecordOptions): RecordOptions =>
  record === true ? {} : typeof record === 'string' ? { path: record } : record

const programVersion = (): string =>
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version

const ruleOf = (of: Definition): About['rules'][number] => ({
  name: of.name,
  kind: of.kind,
  version: of.version,
  keys: of.keys.name,
  values: of.values.name,
})

export const recordedSetting = (key: Key, setting: Setting | undefined): NamedSetting => ({
  name: nameInParts(key),
  to: settingTo(key.of, setting),
})

const settingTo = (of: Definition, setting: Setting | undefined): RecordedSetting['to'] => {
  if (setting === undefined) return { _tag: 'unset' }
  if (setting === 'removed') return { _tag: 'removed' }
  return { _tag: 'value', text: canonical(of.values.encode(setting.value)) }
}
