/** `redford shrink FILE --test CMD`: the smallest recording for which a command still ends with 0. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, copyFileSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { clearProgress, drawProgress } from '../lab/progress.js'
import { messageOf } from '../model/misuse.js'
import { printable } from '../redo/words.js'
import { endsOf } from '../replay/replay.js'
import { shrink } from '../replay/shrink.js'
import { putRecording } from '../store/recording/format.js'
import { counted, NOT_OK, OK, type Out, outputFault, USAGE, unwritable, withRecording, wordsOf } from './recording.js'

const FLAGS = { test: { type: 'string' }, output: { type: 'string', short: 'o' }, tries: { type: 'string' } } as const

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export const shrinkCommand = async (args: readonly string[], out: Out): Promise<number> => {
  const words = wordsOf('shrink', args, [1, 1], FLAGS)
  const refuse = (why: string): number => {
    out.say(why)
    return USAGE
  }
  if (E.isLeft(words)) return refuse(words.left)
  const { files, values, json } = words.right
  const test = values.test as string | undefined
  if (test === undefined || test === '')
    return refuse(
      'redford shrink needs --test CMD: a command that ends with 0 while the file it is given shows the fault',
    )
  const tries = values.tries === undefined ? undefined : Number(values.tries)
  if (tries !== undefined && !(Number.isInteger(tries) && tries > 0))
    return refuse(`--tries takes a number from 1 on, not '${values.tries}'`)
  const output = String(values.output ?? `${files[0]}.small`)
  const fault = outputFault(output, files[0]!)
  if (fault !== undefined) return refuse(fault)
  let folder: string
  try {
    folder = mkdtempSync(join(tmpdir(), 'redford-shrink-'))
  } catch (error) {
    return refuse(
      `${tmpdir()}, where candidates go, cannot be written: ${messageOf(error)}; name another folder by TMPDIR`,
    )
  }
  // It may go on for long, and nobody else clears it away.
  let child: ChildProcess | undefined
  const onSignal = (signal: NodeJS.Signals): void => {
    child?.kill(signal)
    rmSync(folder, { recursive: true, force: true })
    process.exit(128 + constants.signals[signal])
  }
  for (const signal of ENDING) process.on(signal, onSignal)
  const path = join(folder, 'candidate.rec')
  const printed = join(folder, 'stderr')
  let last = 'it ended'
  try {
    return await withRecording(files[0]!, out, async (replay) => {
      const found = await shrink(replay.reader, {
        path,
        shows: async () => {
          const { isZero, how } = await run(test, path, printed, (begun) => {
            child = begun
          })
          last = how
          return isZero
        },
        ...(tries === undefined ? {} : { triesMax: tries }),
        onProgress: (count, ticks) => drawProgress(`redo  ${counted(ticks, 'tick')}, after ${triesWords(count)}`),
      })
      clearProgress()
      if (found._tag === 'unshown') {
        out.say(
          `the command does not end with 0 for ${files[0]} itself, made anew: there is nothing to make smaller; ${last}${wordsPrinted(printed)}`,
        )
        return NOT_OK
      }
      try {
        putRecording(output, (aside) => copyFileSync(path, aside))
      } catch (error) {
        return refuse(unwritable(output, error))
      }
      const { ticks, from, isWhole } = found
      if (json)
        out.print(`${JSON.stringify({ file: output, ticks, from, tries: found.tries, isWhole, ...endsOf(replay) })}\n`)
      else
        out.print(
          `${output}: ${ticks} of ${counted(from, 'tick')}, after ${triesWords(found.tries)}${isWhole ? '' : '; more could be tried: see --tries'}\n`,
        )
      return OK
    })
  } finally {
    for (const signal of ENDING) process.off(signal, onSignal)
    rmSync(folder, { recursive: true, force: true })
  }
}

const triesWords = (tries: number): string => (tries === 1 ? 'one try' : `${tries} tries`)

/** What it prints as errors is in the file `printed` afterwards. */
const run = (
  command: string,
  path: string,
  printed: string,
  onBegun: (child: ChildProcess) => void,
): Promise<{ readonly isZero: boolean; readonly how: string }> =>
  new Promise((resolve) => {
    const fd = openSync(printed, 'w')
    const child = spawn('sh', ['-c', `${command} "$1"`, 'sh', path], { stdio: ['ignore', 'ignore', fd] })
    closeSync(fd)
    onBegun(child)
    child.on('error', ({ message }) => resolve({ isZero: false, how: `it could not be run: ${message}` }))
    child.on('exit', (code, signal) =>
      resolve({ isZero: code === 0, how: signal === null ? `its exit code is ${code}` : `it was killed by ${signal}` }),
    )
  })

/** So much of it, from its end, is shown. */
const PRINTED_MAX = 1000

const wordsPrinted = (printed: string): string => {
  const text = readFileSync(printed, 'latin1').trim()
  if (text === '') return ''
  const end = text.length > PRINTED_MAX ? `...${text.slice(-PRINTED_MAX)}` : text
  return `, and it said: ${end.split('\n').map(printable).join('\n')}`
}
