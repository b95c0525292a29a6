/** `redford shrink FILE --test CMD`: the smallest recording for which a command still ends with 0. */
import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { shrink } from '../replay/shrink.js'
import { NOT_OK, OK, type Out, outputFault, USAGE, unwritable, withRecording, wordsOf } from './recording.js'

const FLAGS = { test: { type: 'string' }, output: { type: 'string', short: 'o' }, tries: { type: 'string' } } as const

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
  const folder = mkdtempSync(join(tmpdir(), 'redford-shrink-'))
  const path = join(folder, 'candidate.rec')
  try {
    return await withRecording(files[0]!, out, async (replay) => {
      const found = await shrink(replay.reader, {
        path,
        shows: () => isZero(test, path),
        ...(tries === undefined ? {} : { triesMax: tries }),
        onProgress: (count, ticks) => {
          if (process.stderr.isTTY === true)
            process.stderr.write(`\r\u001b[Kredo  ${ticks} ticks, after ${count} tries`)
        },
      })
      if (process.stderr.isTTY === true) process.stderr.write('\r\u001b[K')
      if (found._tag === 'unshown') {
        out.say(`the command does not end with 0 for ${files[0]} itself, made anew: there is nothing to make smaller`)
        return NOT_OK
      }
      try {
        copyFileSync(path, output)
      } catch (error) {
        return refuse(unwritable(output, error))
      }
      const { ticks, from, isWhole } = found
      if (json) out.print(`${JSON.stringify({ file: output, ticks, from, tries: found.tries, isWhole })}\n`)
      else
        out.print(
          `${output}: ${ticks} of ${from} ticks, after ${found.tries} tries${isWhole ? '' : '; more could be tried: see --tries'}\n`,
        )
      return OK
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const isZero = (command: string, path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const child = spawn('sh', ['-c', `${command} "$1"`, 'sh', path], { stdio: ['ignore', 'ignore', 'ignore'] })
    child.on('error', () => resolve(false))
    child.on('exit', (code) => resolve(code === 0))
  })
