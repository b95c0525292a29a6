/** Whether a world of files can be played: what is wrong with it is told by name, before anything is. */

import { Misuse } from '../model/misuse.js'
import { shown } from '../model/shown.js'
import { filesOf, OUTPUTS, REQUESTS, type Rule, type World } from './files.js'
import { expectOneOf } from './options.js'

const WHO = 'forAllFileSchedules'
const LISTS = ['ifOdd', 'ifcreate', 'background'] as const
const FILES = ['peeks', 'script'] as const
const FLAGS = ['always', 'tolerant', 'stamps', 'inMake'] as const
const FIELDS: readonly string[] = ['asks', 'output', 'failsAt', ...LISTS, ...FILES, ...FLAGS]
/** What make itself does not do. */
const OF_PROCESSES = ['ifcreate', 'background', 'always', 'peeks', 'stamps'] as const

/** @throws Misuse */
export const expectWorld = (world: World, targets: readonly number[]): void => {
  const { rules, files, ...more } = world ?? {}
  if (!(rules instanceof Map && files instanceof Map))
    throw new Misuse(
      `${WHO}: a world is { files: new Map([[1, 4]]), rules: new Map([[10, { asks: [[1]], output: 'sum' }]]) }`,
    )
  for (const name of Object.keys(more)) throw new Misuse(`${WHO}: a world has files and rules, and no \`${name}\``)
  for (const [file, value] of files) {
    expectFile(file, 'among the files')
    if (rules.has(file))
      throw new Misuse(`${WHO}: file ${file} has a rule, and is made by it: leave it out of the files`)
    if (!Number.isSafeInteger(value) || value < 0)
      throw new Misuse(`${WHO}: file ${file} must hold a whole number, 0 or more, got ${shown(value)}`)
  }
  for (const [file, rule] of rules) {
    expectFile(file, 'among the rules')
    expectRule(file, rule)
  }
  if (!Array.isArray(targets) || targets.length === 0)
    throw new Misuse(`${WHO}: \`targets\` names nothing to be asked for`)
  for (const target of targets) {
    expectFile(target, 'among the targets')
    if (!rules.has(target) && !files.has(target))
      throw new Misuse(`${WHO}: the target ${target} is no file of this world, and has no rule`)
  }
  const onCircle = [...rules.keys()].find((file) => below(world, file).has(file))
  const odd = [...rules.keys()].find((file) => rules.get(file)!.tolerant || rules.get(file)!.background !== undefined)
  if (onCircle !== undefined && odd !== undefined)
    throw new Misuse(
      `${WHO}: ${onCircle} needs itself, and rule ${odd} is tolerant or asks in the background: what comes of that hangs on where the circle is found out`,
    )
}

const expectFile = (file: unknown, where: string): void => {
  if (!Number.isInteger(file) || (file as number) < 1 || (file as number) >= REQUESTS)
    throw new Misuse(`${WHO}: a file is a whole number from 1 to ${REQUESTS - 1}, got ${shown(file)} ${where}`)
}

const expectRule = (file: number, rule: Rule): void => {
  const where = `in rule ${file}`
  const isList = (value: unknown): boolean => Array.isArray(value)
  if (!isList(rule?.asks) || !rule.asks.every(isList))
    throw new Misuse(`${WHO}: rule ${file}: \`asks\` lists what it asks for, group by group, such as [[1, 2], [10]]`)
  for (const name of Object.keys(rule))
    if (!FIELDS.includes(name)) throw new Misuse(`${WHO}: rule ${file}: there is no \`${name}\``)
  expectOneOf(WHO, `output of rule ${file}`, rule.output, OUTPUTS)
  for (const name of LISTS)
    if (rule[name] !== undefined && !isList(rule[name]))
      throw new Misuse(`${WHO}: rule ${file}: \`${name}\` must be a list of files, got ${shown(rule[name])}`)
  for (const name of FILES) if (rule[name] !== undefined) expectFile(rule[name], `as \`${name}\` of rule ${file}`)
  for (const name of FLAGS)
    if (rule[name] !== undefined && typeof rule[name] !== 'boolean')
      throw new Misuse(`${WHO}: rule ${file}: \`${name}\` must be true or false, got ${shown(rule[name])}`)
  if (rule.failsAt !== undefined && ![0, 1, 2, 3, 4].includes(rule.failsAt))
    throw new Misuse(`${WHO}: rule ${file}: \`failsAt\` is a rest by 5, 0 to 4, got ${shown(rule.failsAt)}`)
  for (const asked of filesOf(rule)) expectFile(asked, where)
  const odd = rule.inMake ? OF_PROCESSES.find((name) => rule[name]) : undefined
  if (odd !== undefined) throw new Misuse(`${WHO}: rule ${file} is made by no process, which alone knows \`${odd}\``)
}

/** All that `file` may ask for, in turn. */
const below = ({ rules }: World, file: number): ReadonlySet<number> => {
  const needsOf = (one: number): readonly number[] => {
    const { asks = [], ifOdd = [], background = [], script = [] } = rules.get(one) ?? {}
    return [asks, ifOdd, background, script].flat(2) as readonly number[]
  }
  const found = new Set(needsOf(file))
  for (const one of found) for (const need of needsOf(one)) found.add(need)
  return found
}
