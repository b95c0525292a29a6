/** Words for people: how names and errors are said. */
import { type BuildError, smallestFirst } from '../model/error.js'
import type { BuildId } from '../model/ids.js'

/** A name as text: bytes that are no UTF-8, and control characters, as \xNN, so that a terminal is safe from it. */
export const printable = (name: string): string => {
  const text = Buffer.from(name, 'latin1').toString('utf8')
  const isText = !text.includes('\ufffd')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  const unsafe = isText ? /[\u0000-\u001f\u007f-\u009f]/gu : /[^ -~]/g
  return (isText ? text : name).replace(unsafe, escaped)
}

const escaped = (char: string): string => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`

/** What a rule said as it threw, which may be any text: in one line, and so that a terminal is safe from it. */
export const inLine = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (char) => (char === '\n' ? '\\n' : escaped(char)))

const quoted = (name: string): string => {
  if (/^[\w./@%+=:,-]+$/.test(name)) return name
  const text = Buffer.from(name, 'latin1').toString('utf8')
  if (text.includes('\ufffd') || /[^\P{C}]/u.test(text)) return `$'${name.replace(/[^ -~]|['\\]/g, escaped)}'`
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** A target's name as a word of a command line that can be typed again; never taken for an option. */
export const targetWord = (name: string): string => quoted(name.startsWith('-') ? `./${name}` : name)

/** Why nobody makes a file; `isOutside`: it lies outside the project. */
export const noRuleWords = (exists: boolean, isOutside: boolean): string =>
  `${exists ? '' : 'no such file, and '}${isOutside ? 'nothing is built outside the project' : 'no do-file that makes it'}`

/** Why a build is broken. `nameOf` says a build's name as it is to be shown. */
export const errorWords = (error: BuildError | undefined, nameOf: (build: BuildId) => string): string => {
  switch (error?._tag) {
    case undefined:
      return 'broken'
    case 'noRule':
      return noRuleWords(false, false)
    case 'exit':
      return `exit ${error.code}`
    case 'signal':
      return `ended by ${error.signal}`
    case 'refused':
      return error.code >= 200 ? `${error.why} (${error.code})` : error.why
    case 'cycle': {
      const path = smallestFirst(error.path.map(nameOf), (name) => name)
      return `it needs itself: ${[...path, path[0]].join(' -> ')} (208)`
    }
    case 'interrupted':
      return 'interrupted'
    case 'unmet':
      return 'what it needs is broken'
    case 'threw':
      return `threw ${error.message}${placeIn(error.trace)}`
    case 'failed':
      return `failed: ${JSON.stringify(error.error)}`
    case 'absent':
      return 'the source has no value'
    case 'noneOf':
      return 'none of its alternatives could be made'
    case 'misuse':
      return error.why
  }
}

/** Where it was thrown: the innermost frame that lies in a file. */
const placeIn = (trace: string): string => {
  const place = /(?:\(|at )(?:file:\/\/)?(\/[^\n()]*:\d+):\d+\)?$/m.exec(trace)?.[1]
  return place === undefined ? '' : ` (${place})`
}
