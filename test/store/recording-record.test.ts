/** One tick as bytes: names told in columns, settings told one by one, and numbers as their contents say them. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Tag } from '../../src/model/content.js'
import { type Content, emptyBatch, type Input, type Receipt } from '../../src/model/event.js'
import { buildId } from '../../src/model/ids.js'
import { ByteWriter } from '../../src/store/recording/bytes.js'
import type { NumberedNames } from '../../src/store/recording/names.js'
import { decodeTick, TickEncoder } from '../../src/store/recording/record.js'

const IDS = 40
const BEGINNINGS = ['', '\0leaf\0', '\0node\0']

const contentOf = (number: number): Content => {
  const words = new Int32Array(Float64Array.of(number).buffer)
  return [words[0]!, words[1]!, 0, Tag.NUMBER]
}
const madeOf = (build: number, needs: readonly number[], number: number): Receipt => ({
  _tag: 'made',
  build: buildId(build),
  groups: needs.length === 0 ? [] : [needs.map(buildId)],
  value: number,
  content: contentOf(number),
})
const tickOf = (receipts: readonly Receipt[]): Input => ({ batch: emptyBatch, receipts, events: [] })

const id = fc.integer({ min: 1, max: IDS - 1 })
/** Some of more than three bytes; no more than that, since there is a bit for each. */
const anyId = fc.oneof(id, fc.integer({ min: 1, max: 2 ** 25 }), fc.constantFrom(2 ** 24 - 1, 2 ** 24))
const number = fc.oneof(
  fc.integer(),
  fc.integer({ min: -300, max: 300 }),
  fc.double({ noNaN: true }),
  fc.integer({ min: -(2 ** 21), max: 2 ** 21 }).map((n) => n / 2),
  fc.tuple(fc.nat(32), fc.constantFrom(-1, -0.5, 0, 1)).map(([bits, more]) => 2 ** bits + more),
  fc.tuple(fc.nat(32), fc.constantFrom(-1, 0, 0.5, 1)).map(([bits, more]) => -(2 ** bits) + more),
  fc.constantFrom(0, -0, 2 ** 31, -(2 ** 31), 2 ** 31 - 1, 2 ** 32, 2 ** 50, 2 ** 53, 0.5, 1.5, 2 ** 20 + 0.5),
)
const made = fc.tuple(id, fc.array(id, { maxLength: 3 }), number).map((args) => madeOf(...args))
const anyMade = fc
  .tuple(
    anyId,
    fc.oneof(fc.array(anyId, { maxLength: 3 }), fc.array(anyId, { minLength: 124, maxLength: 130 })),
    number,
  )
  .map((args) => madeOf(...args))

describe('a tick', () => {
  it('reads the same whether names are told in columns or as texts', () => {
    const name = fc.tuple(fc.nat({ max: 2 }), fc.integer())
    fc.assert(
      fc.property(
        fc.array(name, { minLength: IDS, maxLength: IDS }),
        // The columns may end before the ids do.
        fc.nat({ max: IDS }),
        fc.array(fc.array(made, { maxLength: 6 }), { maxLength: 4 }),
        (told, columnsEnd, ticks) => {
          const nameOf = (build: number) => {
            const [beginning, number] = told[build]!
            if (beginning !== 0) return { prefix: BEGINNINGS[beginning]!, number }
            return number % 2 === 0 ? `other ${number}` : undefined
          }
          const numbered: NumberedNames = {
            columns: {
              beginnings: Uint16Array.from(told.slice(0, columnsEnd), ([beginning]) => beginning),
              numbers: Int32Array.from(told.slice(0, columnsEnd), ([, number]) => number),
            },
            textOf: (beginning) => BEGINNINGS[beginning]!,
          }
          const recorded = () => ({ _tag: 'left' }) as const
          const [columns, texts] = [
            { nameOf, numbered, recorded },
            { nameOf, recorded },
          ].map((options) => new TickEncoder(options))
          for (const receipts of ticks) {
            const [a, b] = [columns!, texts!].map((encoder) => {
              const w = new ByteWriter(1)
              encoder.set({ name: { prefix: BEGINNINGS[2]!, number: 7 }, to: { _tag: 'value', text: '"x"' } })
              encoder.set({ name: 'other', to: { _tag: 'unset' } })
              encoder.write(w, tickOf(receipts))
              return w.view()
            })
            expect(a).toEqual(b)
            const { settings, names } = decodeTick(a!)
            expect(settings).toEqual([
              { name: '\0node\x007', to: { _tag: 'value', text: '"x"' } },
              { name: 'other', to: { _tag: 'unset' } },
            ])
            for (const [build, text] of names) {
              const name = nameOf(build)!
              expect(text).toBe(typeof name === 'string' ? name : name.prefix + name.number)
            }
          }
        },
      ),
    )
  })

  it('holds numbers as they are, in however much room', () => {
    fc.assert(
      fc.property(fc.array(anyMade, { maxLength: 50 }), fc.integer({ min: 1, max: 3000 }), (receipts, room) => {
        const encoder = new TickEncoder({ nameOf: () => undefined, recorded: () => ({ _tag: 'left' }) })
        const w = new ByteWriter(room)
        encoder.write(w, tickOf(receipts))
        const plain = (receipt: Receipt) => receipt._tag === 'made' && [receipt.build, receipt.groups, receipt.content]
        expect(decodeTick(w.view()).input.receipts.map(plain)).toEqual(receipts.map(plain))
      }),
    )
  })
})
