/** Long texts in messages. */

const CHARS = 40

export const shortened = (text: string, chars = CHARS): string =>
  text.length > chars ? `${text.slice(0, chars)}...` : text

/** Those that begin alike are shown from where they part. */
export const shortenedApart = (one: string, other: string, chars = CHARS): readonly [string, string] => {
  const [shown, shownOther] = [shortened(one, chars), shortened(other, chars)]
  if (shown !== shownOther || one === other) return [shown, shownOther]
  let from = 0
  while (one[from] === other[from] && from < one.length) from++
  const context = Math.max(0, from - CONTEXT_CHARS)
  return [`...${shortened(one.slice(context), chars)}`, `...${shortened(other.slice(context), chars)}`]
}
const CONTEXT_CHARS = 10
