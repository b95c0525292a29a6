/** `redford fork FILE --at TICK`: the beginning of a recording, as a recording of its own, to be replayed, or gone on from by a program. */

import * as E from 'fp-ts/lib/Either.js'
import { endsOf } from '../replay/replay.js'
import { copyInto } from '../replay/rewriter.js'
import { counted, OK, type Out, outputFault, tickOf, USAGE, unwritable, withRecording, wordsOf } from './recording.js'

const FLAGS = { at: { type: 'string' }, output: { type: 'string', short: 'o' } } as const

export const forkCommand = async (args: readonly string[], out: Out): Promise<number> => {
  const words = wordsOf('fork', args, [1, 1], FLAGS)
  const refuse = (why: string): number => {
    out.say(why)
    return USAGE
  }
  if (E.isLeft(words)) return refuse(words.left)
  const { files, values, json } = words.right
  const [file] = files as readonly [string]
  const { at } = values
  if (at === undefined) return refuse('redford fork needs --at TICK: the last one that is in the new recording')
  return withRecording(file, out, (replay) => {
    const { reader } = replay
    const tick = tickOf(String(at), reader.ticks)
    if (E.isLeft(tick)) return refuse(tick.left)
    const output = String(values.output ?? `${file}.${tick.right}`)
    const fault = outputFault(output, file)
    if (fault !== undefined) return refuse(fault)
    try {
      copyInto(output, reader, tick.right)
    } catch (error) {
      return refuse(unwritable(output, error))
    }
    out.print(
      json
        ? `${JSON.stringify({ file: output, ticks: tick.right, from: reader.ticks, ...endsOf(replay) })}\n`
        : `${output}: ${tick.right} of ${counted(reader.ticks, 'tick')}\n`,
    )
    return OK
  })
}
