/** `redford replay FILE --mode reexecute`: runs the rules of a recording again, each against the answers that it got then. */
import { resolve } from 'node:path'
import { type Reexecution, reexecute } from '../library/reexecute.js'
import { importFile } from '../load/import-file.js'
import type { Definition } from '../model/definition.js'
import { messageOf } from '../model/misuse.js'
import { fromByteString, workingFolderBytes } from '../redo/byte-strings.js'
import { configsIn } from '../redo/config.js'
import { findRoot } from '../redo/project.js'
import { endsOf, type Replay } from '../replay/replay.js'
import { drawTicks } from './progress.js'
import { fewOf, NOT_OK, OK, type Out, USAGE, verdictWords } from './recording.js'

/** `rules`: a module that exports them; undefined: the project's config does. */
export const reexecuteCommand = async (
  replay: Replay,
  rules: string | undefined,
  json: boolean,
  out: Out,
): Promise<number> => {
  const { about, reader } = replay
  const refuse = (why: string): number => {
    out.say(why)
    return USAGE
  }
  if (about.face === 'redo') {
    const what =
      about.rules.length === 0
        ? 'it is a recording of do-files, which are not run again'
        : `it is a recording of a project: what its rules (${fewOf(about.rules.map(({ name }) => name))}) come to are files, which it does not hold, so neither they nor do-files are run again`
    return refuse(`${what}: record another build by redo --record OTHER, and compare by redford diff FILE OTHER`)
  }
  const path = rules ?? configOfProject()
  if (path === undefined)
    return refuse('there is no redford.config.js here: name a module that exports `rules` by --rules')
  let definitions: readonly Definition[]
  try {
    definitions = await definitionsIn(path)
  } catch (error) {
    return refuse(`${path}: ${(error as Error).message}`)
  }
  const found = reexecute(reader, definitions, (tick) => drawTicks(tick, replay.ticks))
  out.print(`${json ? JSON.stringify({ ...found, ...endsOf(replay) }) : wordsOf(found)}\n`)
  return found._tag === 'agrees' ? OK : NOT_OK
}

const configOfProject = (): string | undefined => {
  const root = fromByteString(findRoot(workingFolderBytes()))
  const [name] = configsIn(root)
  return name === undefined ? undefined : resolve(root, name)
}

/** What the module exports as `rules`, or as its default: an array, or an object with `rules`. @throws Error that says what is wrong */
const definitionsIn = async (path: string): Promise<readonly Definition[]> => {
  let found: { readonly default?: unknown; readonly rules?: unknown }
  try {
    found = (await importFile(path)) as typeof found
  } catch (error) {
    throw new Error(`it cannot be loaded: ${messageOf(error)}`)
  }
  const all = found.rules ?? (found.default as { readonly rules?: unknown } | undefined)?.rules ?? found.default
  const definitions = (Array.isArray(all) ? all : [undefined]).map(
    (rule: { readonly definition?: Definition } | undefined) => rule?.definition,
  )
  if (definitions.includes(undefined))
    throw new Error('it must export `rules`: an array of all rules, sources and actions')
  return definitions as readonly Definition[]
}

const wordsOf = (found: Reexecution): string => {
  switch (found._tag) {
    case 'agrees':
      return `run again: ${found.makes} runs of rules come to what was recorded${found.skipped === 0 ? '' : `; ${found.skipped} need a value that the recording left out`}`
    case 'impure':
      return `${found.rule} is no function of what it asks for: ${found.key}, tick ${found.tick}: ${found.difference}`
    case 'otherRules':
      return `these rules are not at hand as they were recorded: ${fewOf(found.rules)}`
    default:
      return verdictWords(found)
  }
}
