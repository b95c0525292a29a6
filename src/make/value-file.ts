/**
 * What a rule results in is, in a project, a file like any other: below `.redford/values`, by a name that tells the rule and the
 * key. So all that holds of files holds of it.
 */

const FOLDER = '.redford/values/'
/** How long a part of a path may be. */
const PART = 200
/** Behind a part that goes on: no other name holds it. */
const MORE = '+'

export const isValueFile = (name: string): boolean => name.startsWith(FOLDER)

/** `text`: the canonical text of the key. */
export const valueFileOf = (rule: string, text: string): string => {
  const parts = spelled(text).match(new RegExp(`.{1,${PART}}`, 'g')) ?? []
  return `${FOLDER}${spelled(rule)}/${parts.join(`${MORE}/`)}`
}

/** Undefined: it is no such file. */
export const partsOf = (name: string): { readonly rule: string; readonly text: string } | undefined => {
  const [rule, text] = name.slice(FOLDER.length).split(/\/(.*)/s)
  if (!isValueFile(name) || rule === undefined || text === undefined) return undefined
  try {
    return { rule: decodeURIComponent(rule), text: decodeURIComponent(text.replaceAll(`${MORE}/`, '')) }
  } catch {
    return undefined
  }
}

/** Such a file as people read it: `page("index")`; as a byte string, as names are. */
export const shownValue = (name: string): string | undefined => {
  const parts = partsOf(name)
  return parts && Buffer.from(`${parts.rule}(${parts.text})`).toString('latin1')
}

/** Upper case is spelled out as well: not all file systems tell it from lower case. */
const spelled = (text: string): string =>
  Array.from(Buffer.from(text), (byte) => {
    const char = String.fromCharCode(byte)
    return /[a-z0-9_-]/.test(char) ? char : `%${byte.toString(16).padStart(2, '0')}`
  }).join('')
