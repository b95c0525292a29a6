/** A look at a file, and the words of it in the receipt of a scan. */
import { type Content, LOOK_STRIDE, type Look, LookWord } from './event.js'

// Kinds of looks; of a link, the kind of what it leads to.
export const ABSENT = 0
export const FILE = 1
export const FOLDER = 2
/** A device, a pipe, a socket; a link that leads nowhere. */
export const OTHER = 3
/** It cannot be looked at: no permission, a loop of links, too long a name. */
export const LOOK_FAILED = 4

/** Whether it is a folder itself: that it is there is all that is looked at, and no two are told apart. The content of a link says where it leads. */
export const isFolder = ({ kind, content0, content1 }: Look): boolean =>
  kind === FOLDER && content0 === 0 && content1 === 0

/** Writes it as the row that begins at word `at`. */
export const writeLook = (looks: Int32Array, at: number, look: Look): void => {
  looks[at + LookWord.KIND] = look.kind
  looks[at + LookWord.RACY] = look.racy ? 1 : 0
  looks[at + LookWord.STAT] = look.stat0
  looks[at + LookWord.STAT + 1] = look.stat1
  looks[at + LookWord.CONTENT] = look.content0
  looks[at + LookWord.CONTENT + 1] = look.content1
  looks[at + LookWord.CONTENT + 2] = look.content2
  looks[at + LookWord.CONTENT + 3] = look.content3
}

/** What it says of what is in the file. */
export const contentOfLook = ({ content0, content1, content2, content3 }: Look): Content => [
  content0,
  content1,
  content2,
  content3,
]

/** As a row by itself. */
export const wordsOfLook = (look: Look): Int32Array => {
  const words = new Int32Array(LOOK_STRIDE)
  writeLook(words, 0, look)
  return words
}

/** The row that begins at word `at`. */
export const lookIn = (looks: Int32Array, at: number): Look => ({
  kind: looks[at + LookWord.KIND]!,
  racy: looks[at + LookWord.RACY] !== 0,
  stat0: looks[at + LookWord.STAT]!,
  stat1: looks[at + LookWord.STAT + 1]!,
  content0: looks[at + LookWord.CONTENT]!,
  content1: looks[at + LookWord.CONTENT + 1]!,
  content2: looks[at + LookWord.CONTENT + 2]!,
  content3: looks[at + LookWord.CONTENT + 3]!,
})
