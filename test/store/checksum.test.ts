/** A checksum that is worked out here is that of zlib, which others are. */
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { checksumOf } from '../../src/store/recording/format.js'
import { runs } from '../support/runs.js'

it('of records of any length, wherever they lie', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(200), (bytes, one, two) => {
      const [from, to] = [one, two].map((at) => Math.min(at, bytes.length)).sort((a, b) => a - b) as [number, number]
      expect(checksumOf(bytes, from, to)).toBe(crc32(bytes.subarray(from, to)) | 0)
    }),
    runs(1000),
  )
})
