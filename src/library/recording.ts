/** Records what an engine does, with the names and values of the library's builds. */
import { readFileSync } from 'node:fs'
import { fromTable } from '../make/answers.js'
import type { Keys } from '../make/keys.js'
import type { Setting, World } from '../make/world.js'
import { canonical } from '../model/codec.js'
import { aboutRule, type Definition, type Key } from '../model/definition.js'
import { optionsIn, shownOption } from '../model/expect.js'
import { Misuse, messageOf } from '../model/misuse.js'
import type { State } from '../model/state.js'
import { MEMORY, placeFault, type RecordedSetting } from '../store/recording/format.js'
import { Recorder } from '../store/recording/recorder.js'
import { beginningOf, nameFor, nameOfKnown } from './name.js'
import type { RecordOptions, Settings } from './options.js'

const VALUE_MAX = 65_536

/** @throws Misuse where the file is something else, or cannot be made */
export const recorderFor = (
  record: string | boolean | RecordOptions | undefined,
  { known, pools, keep, policy, onTrouble }: Settings,
  keys: Keys,
  world: World,
  state: State,
): Recorder | undefined => {
  if (record === undefined || record === false) return undefined
  const { path = MEMORY, valueMax = VALUE_MAX, beside = false } = optionsOf(record)
  expectPlace('createEngine: record', path)
  const rooms = Object.fromEntries(pools.map(({ name, size }) => [name, size]))
  try {
    return new Recorder(
      {
        path,
        about: {
          program: programVersion(),
          face: 'library',
          policy: policy.name,
          rules: Array.from(known, aboutRule),
          options: { pools: rooms, keep },
        },
        // What an earlier engine set.
        settings: Array.from(world.all(), ([of, text, setting]) => ({
          name: nameFor(of, text),
          to: settingTo(of, setting),
        })),
        nameOf: (build) => {
          const key = keys.keyOf(build)
          return key && nameOfKnown(key)
        },
        numbered: {
          get columns() {
            return keys.columns
          },
          textOf: (beginning) => beginningOf(keys.definition(beginning)),
        },
        textOf: (build, value) => canonical(keys.keyOf(build)!.of.values.encode(fromTable(value))),
        valueMax,
        beside,
        now: () => performance.now() * 1000,
        onTrouble: (error) =>
          onTrouble(
            new Error(
              `${path === MEMORY ? 'the recording in memory' : path}: nothing more is recorded: ${messageOf(error)}`,
            ),
          ),
      },
      state,
    )
  } catch (error) {
    throw new Misuse(`createEngine: record: ${path} cannot be made: ${(error as Error).message}`)
  }
}

/** @throws Misuse where nothing was recorded, `path` is something else, or cannot be made */
export const exportTo = (recorder: Recorder | undefined, path: string): void => {
  if (recorder === undefined)
    throw new Misuse('export: nothing was recorded: create the engine with `record: true`, or a path')
  if (typeof path !== 'string' || path === '' || path === MEMORY)
    throw new Misuse(`export: expected the path of a file, got ${shownOption(path)}`)
  const { path: own } = recorder
  expectPlace('export', path, own)
  try {
    recorder.exportTo(path)
  } catch (error) {
    throw new Misuse(`export: ${path} cannot be written: ${(error as Error).message}`)
  }
}

/** @throws Misuse where no recording can be put at `path`, or `read` is there */
export const expectPlace = (who: string, path: string, read?: string): void => {
  const fault = path === MEMORY ? undefined : placeFault(path, read)
  if (fault !== undefined) throw new Misuse(`${who}: ${fault}`)
}

const RECORD_OPTIONS = ['path', 'valueMax', 'beside']

/** @throws Misuse */
const optionsOf = (record: string | true | RecordOptions): RecordOptions => {
  if (record === true) return {}
  const options = typeof record === 'string' ? { path: record } : record
  const refuse = (why: string): never => {
    throw new Misuse(`createEngine: record: ${why}`)
  }
  if (Object.keys(options).length === 0)
    refuse('an object must say one of path, valueMax, beside; true records in memory')
  const { path = MEMORY, valueMax = 0, beside = false } = optionsIn('createEngine: record', options, RECORD_OPTIONS)
  if (typeof path !== 'string' || path === '') refuse(`\`path\` must be the path of a file, got ${shownOption(path)}`)
  if (typeof valueMax !== 'number' || !(valueMax >= 0))
    refuse(`\`valueMax\` must be a number of chars from 0 on, got ${shownOption(valueMax)}`)
  if (typeof beside !== 'boolean') refuse(`\`beside\` must be true or false, got ${shownOption(beside)}`)
  return options
}

const programVersion = (): string => {
  version ??= (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string })
    .version
  return version
}
let version: string | undefined

/** `key`: one that was checked, and so fits its codec. */
export const recordSetting = (recorder: Recorder, key: Key, setting: Setting | undefined): void => {
  const name = nameOfKnown(key)
  const { values } = key.of
  if (typeof setting === 'object' && typeof name === 'object' && values.isPrimitive === true) {
    const { value } = setting
    if (typeof value === 'number' && value === (value | 0)) return recorder.setInteger(name.prefix, name.number, value)
  }
  recorder.set({ name, to: settingTo(key.of, setting) })
}

const settingTo = (of: Definition, setting: Setting | undefined): RecordedSetting['to'] => {
  if (setting === undefined) return { _tag: 'unset' }
  if (setting === 'removed') return { _tag: 'removed' }
  return { _tag: 'value', text: canonical(of.values.encode(setting.value)) }
}
