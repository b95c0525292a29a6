import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import {
  type ClientMessage,
  type DaemonMessage,
  decodeClientMessage,
  decodeCommand,
  decodeDaemonMessage,
  decodeReply,
  encodeClientMessage,
  encodeCommand,
  encodeDaemonMessage,
  encodeFrame,
  encodeReply,
  type ForkserverCommand,
  type ForkserverReply,
  FRAME_SIZE_MAX,
  type Frame,
  FrameDecoder,
  NOTE_STRIDE,
  packStrings,
  unpackStrings,
} from '../../src/redo/protocol.js'

/** A byte string as it may be a name: any byte but NUL. */
const byteString = fc.uint8Array({ maxLength: 40, min: 1 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
const strings = fc.array(byteString, { maxLength: 8 })
const someStrings = fc.array(byteString, { minLength: 1, maxLength: 8 })
const word = fc.integer({ min: 0, max: 0xffffffff })
const int = fc.integer({ min: -0x80000000, max: 0x7fffffff })

const clientMessage: fc.Arbitrary<ClientMessage> = fc.oneof(
  fc.record({
    _tag: fc.constant('hello' as const),
    protocol: byteString,
    version: byteString,
    command: byteString,
    cwd: byteString,
    token: byteString,
    stdoutTty: fc.boolean(),
    stderrTty: fc.boolean(),
    stdinTty: fc.boolean(),
    columns: fc.nat(99999),
    noColor: fc.boolean(),
    stderrFile: byteString,
    umask: fc.nat(0o777),
  }),
  fc.record({ _tag: fc.constant('environment' as const), variables: someStrings }),
  fc.record({ _tag: fc.constant('arguments' as const), args: someStrings }),
  fc.record({ _tag: fc.constant('input' as const), data: bytes }),
  fc.constant({ _tag: 'go' as const }),
  fc.record({ _tag: fc.constant('signal' as const), signal: fc.nat(255) }),
)

const daemonMessage: fc.Arbitrary<DaemonMessage> = fc.oneof(
  fc.record({ _tag: fc.constantFrom('stdout' as const, 'stderr' as const), data: bytes }),
  fc.record({ _tag: fc.constant('status' as const), text: byteString }),
  fc.record({ _tag: fc.constant('exit' as const), code: fc.nat(255) }),
  fc.constant({ _tag: 'notMine' as const }),
)

const command: fc.Arbitrary<ForkserverCommand> = fc.oneof(
  fc.record({ _tag: fc.constant('define' as const), envId: word, env: strings.map(packStrings) }),
  fc.record({
    _tag: fc.constant('run' as const),
    runId: word,
    envId: word,
    umask: word,
    cwd: byteString,
    stdoutPath: byteString,
    stderrPath: byteString,
    extraEnv: strings,
    argv: someStrings,
  }),
  fc.record({ _tag: fc.constant('kill' as const), runId: word, signal: word }),
  fc.constant<ForkserverCommand>({ _tag: 'notes' }),
  fc.record({ _tag: fc.constant('stat' as const), sequence: word, paths: strings.map(packStrings) }),
)

const reply: fc.Arbitrary<ForkserverReply> = fc.oneof(
  fc.record({ _tag: fc.constant('started' as const), runId: word, pid: word }),
  fc.record({
    _tag: fc.constant('exited' as const),
    runId: word,
    exitCode: int,
    signal: int,
    hasCompany: fc.boolean(),
    isStdoutUnused: fc.boolean(),
    isStderrUnused: fc.boolean(),
  }),
  fc.record({ _tag: fc.constant('failed' as const), runId: word, errno: int, text: byteString }),
  fc
    .array(fc.tuple(byteString, fc.array(int, { minLength: NOTE_STRIDE, maxLength: NOTE_STRIDE })), {
      minLength: 1,
      maxLength: 5,
    })
    .chain((files) =>
      fc.record({
        _tag: fc.constant('noted' as const),
        runId: word,
        cwd: byteString,
        names: fc.constant(files.map(([name]) => name)),
        looks: fc.constant(Int32Array.from(files.flatMap(([, look]) => look))),
      }),
    ),
  fc.record({
    _tag: fc.constant('stats' as const),
    sequence: word,
    words: fc.array(fc.tuple(int, int, int, int)).map((rows) => Int32Array.from(rows.flat())),
  }),
)

/** Feeds the stream in the given sizes (over and over) and collects what comes out. */
const decodeInPieces = (stream: Buffer, sizes: readonly number[]) => {
  const decoder = new FrameDecoder()
  const frames: Frame[] = []
  let error: unknown
  for (let at = 0, i = 0; at < stream.length; i++) {
    const size = sizes[i % sizes.length]!
    const decoded = decoder.push(Buffer.from(stream.subarray(at, at + size)))
    frames.push(...decoded.frames)
    error = decoded.error
    at += size
  }
  return { frames, error, isEmpty: decoder.isEmpty }
}

const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 10 })

const letters = (decoded: { frames: readonly Frame[] }) => decoded.frames.map(({ type }) => String.fromCharCode(type))

describe('frames', () => {
  it('come out as they went in, wherever the stream is split', () => {
    const frame = fc.record({ type: fc.nat(255), payload: bytes })
    fc.assert(
      fc.property(fc.array(frame), sizes, (frames, pieces) => {
        const stream = Buffer.concat(frames.map(({ type, payload }) => encodeFrame(type, payload)))
        expect(decodeInPieces(stream, pieces)).toEqual({ frames, error: undefined, isEmpty: true })
      }),
    )
  })

  it('of hostile bytes decode the same way whatever the splits, and never throw', () => {
    const pieceOfStream = fc.oneof(
      fc.uint8Array({ maxLength: 12 }).map((array) => Buffer.from(array)),
      bytes.map((payload) => encodeFrame(0x41, payload)),
      fc.constant(Buffer.alloc(4)),
    )
    fc.assert(
      fc.property(fc.array(pieceOfStream), sizes, (parts, pieces) => {
        const stream = Buffer.concat(parts)
        const whole = new FrameDecoder().push(stream)
        const { frames, error } = decodeInPieces(stream, pieces)
        if (stream.length > 0) expect({ frames, error }).toEqual(whole)
        for (const frame of frames) {
          decodeClientMessage(frame)
          decodeDaemonMessage(frame)
          decodeCommand(frame)
          decodeReply(frame)
        }
      }),
    )
  })

  it('in front of a bad length are still given', () => {
    const stream = Buffer.concat([encodeFrame(0x41), Buffer.from([0xff, 0xff, 0xff, 0xff, 0x41]), encodeFrame(0x42)])
    const decoder = new FrameDecoder()
    const decoded = decoder.push(stream)
    expect(letters(decoded)).toEqual(['A'])
    expect(decoded.error).toEqual({ _tag: 'frameTooLong', length: 0xffffffff })
    expect(decoder.push(encodeFrame(0x43))).toEqual({ frames: [], error: decoded.error })
  })

  it('of no length at all are an error', () => {
    expect(new FrameDecoder().push(Buffer.alloc(9)).error).toEqual({ _tag: 'emptyFrame' })
  })

  it('may be as long as the limit and not a byte longer', () => {
    const payload = Buffer.alloc(FRAME_SIZE_MAX - 1, 'x')
    const frame = encodeFrame(0x41, payload)
    const { frames, error } = new FrameDecoder().push(frame)
    expect(error).toBeUndefined()
    expect(frames[0]!.payload.length).toBe(payload.length)
    expect(() => encodeFrame(0x41, payload, 'x')).toThrow(RangeError)
    frame.writeUInt32LE(FRAME_SIZE_MAX + 1, 0)
    expect(new FrameDecoder().push(frame).error).toEqual({ _tag: 'frameTooLong', length: FRAME_SIZE_MAX + 1 })
  })

  it('that only claim to be long take no memory', () => {
    const before = process.memoryUsage().arrayBuffers
    const decoders = Array.from({ length: 200 }, () => {
      const decoder = new FrameDecoder()
      const head = Buffer.from([0, 0, 0, 1, 0x41])
      decoder.push(head)
      return decoder
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(FRAME_SIZE_MAX)
    expect(decoders.every((decoder) => !decoder.isEmpty)).toBe(true)
  })
})

describe('strings', () => {
  it('keep every byte, and the empty ones', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(byteString, fc.constant(''))), (list) => {
        expect(unpackStrings(packStrings(list))).toEqual(list)
      }),
    )
  })

  it('cannot smuggle a NUL', () => {
    expect(() => packStrings(['a\0b'])).toThrow(RangeError)
  })

  it('without an end are refused', () => {
    expect(unpackStrings(Buffer.from('a\0b'))).toBeUndefined()
  })
})

/** Through bytes and back: all frames of the encoding, decoded. */
const through = <T>(stream: Buffer, decode: (frame: Frame) => E.Either<unknown, T>) =>
  new FrameDecoder().push(stream).frames.map(decode)

describe('messages', () => {
  it('of a client survive the journey', () => {
    fc.assert(
      fc.property(clientMessage, (message) => {
        expect(through(encodeClientMessage(message), decodeClientMessage)).toEqual([E.right(message)])
      }),
    )
  })

  it('of the daemon survive the journey', () => {
    fc.assert(
      fc.property(daemonMessage, (message) => {
        expect(through(encodeDaemonMessage(message), decodeDaemonMessage)).toEqual([E.right(message)])
      }),
    )
  })

  it('to the forkserver survive the journey', () => {
    fc.assert(
      fc.property(command, (message) => {
        expect(through(encodeCommand(message), decodeCommand)).toEqual([E.right(message)])
      }),
    )
  })

  it('of the forkserver survive the journey', () => {
    fc.assert(
      fc.property(reply, (message) => {
        expect(through(encodeReply(message), decodeReply)).toEqual([E.right(message)])
      }),
    )
  })

  it('with 100,000 arguments come in several frames that add up', () => {
    const args = Array.from({ length: 100_000 }, (_, i) => `folder/with/some/name/target-${i}.out`)
    const messages = through(encodeClientMessage({ _tag: 'arguments', args }), decodeClientMessage)
    expect(messages.length).toBeGreaterThan(2)
    const received = messages.flatMap((message) =>
      E.isRight(message) && message.right._tag === 'arguments' ? message.right.args : ['broken'],
    )
    expect(received).toEqual(args)
  })

  it('with one argument over 1 MiB give it a frame of its own', () => {
    const args = ['a', 'b'.repeat(3 * 1024 * 1024), 'c']
    const messages = through(encodeClientMessage({ _tag: 'arguments', args }), decodeClientMessage)
    expect(messages).toEqual(args.map((arg) => E.right({ _tag: 'arguments', args: [arg] })))
  })

  it('with much output come in several frames that add up', () => {
    const data = Buffer.alloc(FRAME_SIZE_MAX + 5, 'y')
    const messages = through(encodeDaemonMessage({ _tag: 'stdout', data }), decodeDaemonMessage)
    const received = messages.map((message) =>
      E.isRight(message) && message.right._tag === 'stdout' ? message.right.data : Buffer.from('broken'),
    )
    expect(Buffer.concat(received).equals(data)).toBe(true)
    expect(through(encodeClientMessage({ _tag: 'input', data }), decodeClientMessage).length).toBe(messages.length)
  })

  it('that are cut short or unknown are refused by name', () => {
    const refused = (decode: (frame: Frame) => E.Either<unknown, unknown>, type: string, payload: string) =>
      decode({ type: type.charCodeAt(0), payload: Buffer.from(payload, 'latin1') })
    expect(refused(decodeClientMessage, 'z', '')).toEqual(E.left({ _tag: 'unknownType', type: 'z' }))
    for (const [type, payload] of [
      ['H', '1\0'],
      ['H', ''],
      ['A', 'x'],
      ['E', 'x'],
      ['G', 'x'],
      ['S', ''],
    ] as const)
      expect(refused(decodeClientMessage, type, payload)).toMatchObject(E.left({ _tag: 'malformed', type }))
    for (const [type, payload] of [
      ['X', ''],
      ['X', 'ab'],
      ['N', 'x'],
    ] as const)
      expect(refused(decodeDaemonMessage, type, payload)).toMatchObject(E.left({ _tag: 'malformed', type }))
    const strange = ['abc', 'abcdefgh', 'abcdefgh/\0\0\0', 'abcdefgh/\0\0\0x\0', 'abcdefgh/\0\0\x002\0a\0b\0']
    for (const payload of strange)
      expect(refused(decodeCommand, 'R', payload)).toMatchObject(E.left({ _tag: 'malformed', type: 'R' }))
    for (const [type, payload] of [
      ['P', 'abc'],
      ['X', 'abc'],
      ['F', 'abc'],
      ['S', 'abcde'],
    ] as const)
      expect(refused(decodeReply, type, payload)).toMatchObject(E.left({ _tag: 'malformed', type }))
  })
})
