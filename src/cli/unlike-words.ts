/** What differs between recordings that do not begin alike, in words and as data. */
import type { Apart, NameDiff, Only, Unlike } from '../replay/diff-names.js'
import { shownAll, shownBuild, textOfName } from './recording.js'

/** The cause first. `a` and `b` are the names of the recordings. */
export const unlikeWords = ({ set, begin, end, asked, made }: Unlike, a: string, b: string): readonly string[] => {
  const side = (words: string, { onlyA, onlyB }: Only): readonly string[] => [
    ...(onlyA.length > 0 ? [`${words} in ${a} only: ${shownAll(onlyA)}`] : []),
    ...(onlyB.length > 0 ? [`${words} in ${b} only: ${shownAll(onlyB)}`] : []),
  ]
  const known = ({ onlyA, onlyB }: Apart): readonly string[] => [
    ...(onlyA.length > 0 ? [`known to ${a} only: ${shownAll(onlyA)}`] : []),
    ...(onlyB.length > 0 ? [`known to ${b} only: ${shownAll(onlyB)}`] : []),
  ]
  const listed = (words: readonly string[]): readonly string[] => [
    ...words.slice(0, CAUSES),
    ...(words.length > CAUSES ? [`and ${words.length - CAUSES} more`] : []),
  ]
  const [first, ...causes] = end.builds.filter(({ isCause }) => isCause)
  const apart = [
    ...(set.length > 0 ? [`set to something else: ${shownAll(set)}`] : []),
    ...known(begin),
    ...listed(begin.builds.filter(({ isCause }) => isCause).map(otherWords)),
  ]
  const others = shownAll(end.builds.filter(({ isCause }) => !isCause).map(({ name }) => name))
  const ends = [
    ...(first === undefined ? [] : [`the first difference: ${otherWords(first)}${whereWords(first, a, b)}`]),
    ...listed(causes.map((cause) => `and ${otherWords(cause)}${whereWords(cause, a, b)}`)).map((line) => `  ${line}`),
    ...(others === '' ? [] : [`so these came out otherwise: ${others}`]),
    // Who was known to one of them only from the beginning on was told of.
    ...known({ ...end, onlyA: without(end.onlyA, begin.onlyA), onlyB: without(end.onlyB, begin.onlyB) }),
  ]
  return [
    ...side('asked for', asked),
    ...(apart.length === 0 ? [] : ['they begin with different states:', ...apart.map((line) => `  ${line}`)]),
    ...(ends.length === 0 ? ['what they end with is the same'] : ends),
    ...side('made', made),
  ]
}

const without = (names: readonly string[], told: readonly string[]): readonly string[] => {
  const known = new Set(told)
  return names.filter((name) => !known.has(name))
}

/** So many are told of, one by one. */
const CAUSES = 20

const otherWords = ({ name, is }: NameDiff): string => {
  const called = shownBuild(name)
  switch (is) {
    case 'presence':
      return `${called} is there for one of them, and absent for the other`
    case 'error':
      return `${called} is broken in one of them, or for another reason`
    case 'dependencies':
      return `${called} depends on something else`
    case 'content':
      return `${called} has another content`
    case 'stat':
      return `${called} has another stat only, and the same content`
  }
}

const whereWords = ({ tickInA, tickInB }: NameDiff, a: string, b: string): string => {
  const at = (tick: number | undefined, of: string): string =>
    tick === undefined ? `known to ${of} beforehand` : `tick ${tick} of ${of}`
  return tickInA === undefined && tickInB === undefined ? '' : ` (${at(tickInA, a)}, ${at(tickInB, b)})`
}

/** For `--json`: names as texts. */
export const unlikeData = ({ set, begin, end, asked, made }: Unlike): object => {
  const only = ({ onlyA, onlyB }: Only) => ({ onlyA: onlyA.map(textOfName), onlyB: onlyB.map(textOfName) })
  const apart = ({ builds, ...names }: Apart) => ({
    ...only(names),
    builds: builds.map((build) => ({ ...build, name: textOfName(build.name) })),
  })
  return { set: set.map(textOfName), begin: apart(begin), end: apart(end), asked: only(asked), made: only(made) }
}
