/** The project's own rules: `redford.config.js` in its root, loaded once by each process that builds. */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { importFile, importJavaScript, isTypeScript } from '../load/import-file.js'
import { look } from '../make/look.js'
import { lookWithContent } from '../make/look-content.js'
import { bytes, folderOf, joinPath } from '../make/path.js'
import type { Builder } from '../make/rule.js'
import type { CodeFile, Rule, Rules } from '../make/rules.js'
import { isSameContent } from '../model/content.js'
import { aboutRule, type Definition } from '../model/definition.js'
import type { Content } from '../model/event.js'
import { shownOption } from '../model/expect.js'
import { contentOfLook, FILE } from '../model/look.js'
import { messageOf } from '../model/misuse.js'
import { isMaker, policyNamed } from '../reduce/policies/named.js'
import { isPolicy, type Policy } from '../reduce/policies/policy.js'
import type { About } from '../store/recording/format.js'
import { toByteString } from './byte-strings.js'
import { Resolver } from './project.js'

/** What a config says for this process: the project's rules, what is begun first, and the file that every build is recorded into, relative to the root. */
export interface LoadedConfig extends Rules {
  readonly policy?: Policy
  readonly record: string | undefined
}

const CONFIGS = ['redford.config.js', 'redford.config.mjs', 'redford.config.ts']
/** Modules of files, as far as names in texts tell: to take one too many for a part of the code is safe. */
const IMPORTS = /\b(?:from|import|require)\s*\(?\s*(['"])(\.{1,2}\/[^'"\n]+)\1/g

/** The configs that are in `folder`. One is right. */
export const configsIn = (folder: string): readonly string[] =>
  CONFIGS.filter((name) => existsSync(resolve(folder, name)))

/**
 * Loads the config of the root, which is the working folder; undefined: there is none. Never throws: what is wrong with it is its
 * `fault`.
 */
export const loadRules = async (root: string): Promise<LoadedConfig | undefined> => {
  const names = configsIn('.')
  const [name] = names
  if (name === undefined) return undefined
  const nothing = { fault: undefined, rules: [], targets: () => undefined, record: undefined }
  const rules = { ...nothing, files: codeOf(name, new Resolver(root, root)) }
  if (names.length > 1) return { ...rules, fault: `there are ${names.join(' and ')}: keep one of them` }
  let loaded: { readonly default?: unknown }
  try {
    // It marks the root, in whatever language.
    if (readFileSync(name).length === 0) return rules
    // A hook of the loader costs more than the config itself, and `--no-daemon` would pay it each time.
    const load = rules.files.some((file) => isTypeScript(file.name)) ? importFile : importJavaScript
    loaded = (await load(name)) as typeof loaded
  } catch (error) {
    return { ...rules, fault: `it cannot be loaded: ${messageOf(error)}` }
  }
  try {
    return { ...rules, ...said(loaded.default) }
  } catch (error) {
    return { ...rules, fault: (error as Error).message }
  }
}

/** What a config says; one without a default export only marks the root. @throws Error that says what it should be */
const said = (config: unknown): Partial<LoadedConfig> => {
  if (config === undefined) return {}
  const { rules, targets, record, policy, ...others } = (config ?? {}) as { readonly [name: string]: unknown }
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    throw new Error(`there is no \`${unknown}\`: it may say \`rules\`, \`targets\`, \`record\`, \`policy\``)
  const recorded = pathOf(record)
  const rest = { record: recorded, ...(policy === undefined ? {} : { policy: policyOf(policy) }) }
  if (rules === undefined && targets === undefined && (record !== undefined || policy !== undefined)) return rest
  if (!Array.isArray(rules)) throw new Error('export default defineConfig({ rules: [...] }): `rules` must be an array')
  if (targets !== undefined && typeof targets !== 'function')
    throw new Error('`targets` must be a function from a path to a key')
  const found = rules.map((rule: { readonly definition?: Definition } | undefined) => {
    if (rule?.definition === undefined)
      throw new Error(
        `\`rules\` must hold nothing but rules, not ${shownOption(rule)}: list what rule() gave, not called`,
      )
    return ruleOf(rule.definition)
  })
  const twice = found.find(({ of }, i) => found.findIndex((other) => other.of.name === of.name) < i)
  if (twice !== undefined)
    throw new Error(`there are two rules of the name ${twice.of.name}: each needs a name of its own`)
  return { rules: found, ...rest, ...(targets === undefined ? {} : { targets: targets as Rules['targets'] }) }
}

/** @throws Error where it is neither a policy nor the name of one */
const policyOf = (policy: unknown): Policy => {
  if (typeof policy === 'string') return policyNamed(policy)
  if (isMaker(policy)) throw new Error('`policy` is what makes one: call it, as in policies.cap(4)')
  if (isPolicy(policy)) return policy
  throw new Error('`policy` must be a policy, such as policies.shortestRemaining(), or the name of one')
}

/** @throws Error where `record` is neither a path nor an object that holds one */
const pathOf = (record: unknown): string | undefined => {
  if (record === undefined || record === false) return undefined
  const { path, ...others } = (typeof record === 'object' ? (record ?? {}) : { path: record }) as {
    readonly path?: unknown
  }
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    throw new Error(
      `\`record\` takes no \`${unknown}\` here, where values are files: say the path of a file, or { path }`,
    )
  if (typeof path !== 'string' || path === '')
    throw new Error('`record` must be the path of a file, or { path }: every build is recorded into it')
  return path
}

/** What is wrong with the config, if anything. */
export const configFault = ({ fault, files }: LoadedConfig): string | undefined =>
  fault === undefined ? undefined : `${files[0]?.name ?? 'redford.config'}: ${fault}`

/** The rules as a recording tells of them. */
export const aboutRules = (rules: Rules | undefined): About['rules'] =>
  (rules?.rules ?? []).map(({ of }) => aboutRule(of))

/** @throws Error where it is no rule */
const ruleOf = (of: Definition): Rule => {
  switch (of.kind) {
    case 'rule':
      return { of, run: of }
    case 'static':
      return { of, run: asRule(of, (key, values) => of.make(values, key)) }
    case 'batch':
      return { of, run: asRule(of, (key, deps) => (of.make([{ key, deps }]) as readonly unknown[])[0]) }
    default:
      throw new Error(`${of.name} is ${of.kind === 'source' ? 'a source: use file()' : 'an action: use a do-file'}`)
  }
}

type Declaring = Extract<Definition, { kind: 'static' | 'batch' }>

const asRule = (of: Declaring, make: (key: unknown, values: unknown) => unknown): Rule['run'] => ({
  ...of,
  kind: 'rule',
  make: function* (key, b) {
    return make(key, yield* (b as Builder).all(of.deps(key)))
  },
})

/** The file, and those that it imports by their paths, directly or not: their code is what a build of a rule is made by. */
const codeOf = (config: string, resolver: Resolver): readonly CodeFile[] => {
  const names = [config]
  for (const name of names) {
    let text: string
    try {
      text = readFileSync(bytes(name), 'utf8')
    } catch {
      continue
    }
    for (const [, , path] of text.matchAll(IMPORTS)) {
      const imported = resolver.nameOf(joinPath(folderOf(name), toByteString(path!)))
      if (!names.includes(imported) && look(imported).kind === FILE) names.push(imported)
    }
  }
  return names.map((name) => ({ name, content: contentNow(name) }))
}

const contentNow = (name: string): Content => contentOfLook(lookWithContent(name))

/** Whether what was loaded is what would be loaded now. */
export const isCurrent = (rules: Rules | undefined): boolean => {
  const names = configsIn('.')
  if (rules === undefined) return names.length === 0
  return (
    names[0] === rules.files[0]!.name &&
    rules.files.every(({ name, content }) => isSameContent(contentNow(name), content))
  )
}
