/** What can be said of a project in which nothing was built yet: a question, or a name that nobody makes, leaves no state folder behind. */
import { isDoFile } from '../make/interpreter.js'
import { look } from '../make/look.js'
import { candidatesFor } from '../make/lookup.js'
import { joinPath } from '../make/path.js'
import type { RuleMake } from '../make/rules.js'
import { ABSENT } from '../model/look.js'
import { unknownWords } from '../replay/why-words.js'
import { badName, type Options } from './arguments.js'
import { fromByteString } from './byte-strings.js'
import { Resolver } from './project.js'
import { noRuleWords, printable, targetWord } from './words.js'

/** The do-files that are looked for up to the one that is there, or the config that makes it; and whether there is one. */
export const makersOf = (
  root: string,
  rules: RuleMake | undefined,
  resolver: Resolver,
  name: string,
): { readonly shown: readonly string[]; readonly isMade: boolean } => {
  const shown: string[] = []
  for (const { doFile } of candidatesFor(name)) {
    shown.push(resolver.shown(doFile))
    if (isDoFile(joinPath(root, doFile))) return { shown, isMade: true }
  }
  const isMade = rules?.makes(name) === true
  if (isMade) shown.push(resolver.shown(rules.config))
  return { shown, isMade }
}

/** One name a line, or a list in JSON. */
export const namesText = (names: readonly string[], json: boolean): Buffer =>
  json
    ? Buffer.from(`${JSON.stringify(names.map(fromByteString))}\n`)
    : Buffer.from(names.map((name) => `${name}\n`).join(''), 'latin1')

const LISTS = ['redo-targets', 'redo-sources', 'redo-ood']
const OF_DO_FILES = ['redo-ifcreate', 'redo-always', 'redo-stamp', 'redo-recheck']

/** The answer to a person's command in such a project; undefined: there is something to be done. */
export const answerUnbuilt = (
  root: string,
  cwd: string,
  command: string,
  { targets, json }: Options,
): { readonly code: number; readonly stdout?: Buffer; readonly stderr?: string } | undefined => {
  if (OF_DO_FILES.includes(command)) return { code: 2, stderr: `redo  ${command} is for do-files\n` }
  if (LISTS.includes(command) && targets.length === 0) return { code: 0, stdout: namesText([], json) }
  const asked = command === 'redo' && targets.length === 0 ? ['all'] : targets
  if (command === 'redo-ifchange' && asked.length === 0) return { code: 0 }
  if (asked.length === 0 || asked.some((target) => target === '-' || badName(target) !== undefined)) return undefined
  const resolver = new Resolver(root, cwd)
  const makers = asked.map((target) => makersOf(root, undefined, resolver, resolver.nameOf(target)))
  switch (command) {
    case 'redo':
    case 'redo-ifchange':
      if (makers.some(({ isMade }) => isMade) || asked.some((target) => exists(joinPath(cwd, target)))) return undefined
      return { code: 1, stderr: asked.map((target) => failureLine(target, resolver.nameOf(target))).join('') }
    case 'redo-whichdo':
      if (makers.length > 1) return undefined
      return { code: makers[0]!.isMade ? 0 : 1, stdout: namesText(makers[0]!.shown, json) }
    case 'redford-why':
    case 'redford-why-not':
      return asked.length > 1
        ? undefined
        : { code: 1, stderr: `redo  ${unknownWords(printable(asked[0]!), targetWord(asked[0]!))}\n` }
    default:
      return undefined
  }
}

const exists = (path: string): boolean => look(path).kind !== ABSENT

const failureLine = (target: string, name: string): string =>
  `redo  ${printable(target)}: failed, ${noRuleWords(false, name.startsWith('/'))}\n`
