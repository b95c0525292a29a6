/** What runs in the threads of `threads.test.ts`. Threads meet in a folder: a file for each that is within. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const waitCell = new Int32Array(new SharedArrayBuffer(4))

/** Holds the thread, as heavy work does, until `isOver`. */
const hold = (isOver) => {
  while (!isOver()) Atomics.wait(waitCell, 0, 0, 1)
}

/** Stays until another is within, or all `of` others have been; gives the most that were within at the same time. */
export const meet = ({ folder, name, of }) => {
  const within = join(folder, 'within')
  const left = join(folder, 'left')
  mkdirSync(within, { recursive: true })
  mkdirSync(left, { recursive: true })
  writeFileSync(join(within, name), '')
  let most = 0
  hold(() => {
    most = Math.max(most, readdirSync(within).length)
    return most > 1 || readdirSync(left).length === of - 1
  })
  rmSync(join(within, name))
  writeFileSync(join(left, name), '')
  return most
}

/** Never ends by itself. */
export const forever = ({ folder, name }) => {
  writeFileSync(join(folder, name), '')
  for (;;);
}

export const fail = ({ name }) => {
  throw new RangeError(`no ${name}`)
}

export const refuse = async ({ name }) => {
  throw new Error(`refused ${name}`)
}

export const leave = () => process.exit(3)

/** Gives its value first, and throws when it has no work any more. */
export const late = () => {
  setTimeout(() => {
    throw new Error('too late')
  }, 1)
  return 1
}

export const strange = () => () => 'a function cannot leave its thread'

export default ({ name }) => name.length
