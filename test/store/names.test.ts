import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bug } from '../../src/model/error.js'
import { type BuildId, buildId } from '../../src/model/ids.js'
import { Names } from '../../src/store/names.js'
import { runs } from '../support/runs.js'

/** Loads what `names` holds into a new table, the way the store does: in parts, the later over the earlier. */
const reloaded = (names: Names): Names => {
  const copy = new Names()
  const parts: Uint8Array[] = []
  const pairs: number[] = []
  for (let id = 1; id < names.idsEnd; id++) {
    const bytes = names.bytesOf(buildId(id))
    if (bytes === undefined) continue
    parts.push(bytes.slice())
    pairs.push(id, bytes.length)
  }
  const old = Int32Array.from([...pairs.map((n, i) => (i % 2 === 0 ? n : 3)), names.idsEnd, 3])
  copy.expect(names.idsEnd, 10)
  copy.load(old, Buffer.alloc((old.length / 2) * 3, 'old'))
  copy.load(Int32Array.from([...pairs, names.idsEnd, -1]), Buffer.concat(parts))
  copy.index()
  return copy
}

describe('names', () => {
  it('gives ids from 1 on, the same one for the same name', () => {
    const names = new Names()
    expect(names.idOf('a')).toBe(0)
    expect(['a', 'b', 'a', ''].map((name) => names.intern(name))).toEqual([1, 2, 1, 3])
    expect(names.idOf('b')).toBe(2)
    expect(names.nameOf(buildId(3))).toBe('')
  })

  it('keeps every byte, and names that only a plain object would stumble over', () => {
    const names = new Names()
    const all = [
      '__proto__',
      'constructor',
      '12',
      Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join(''),
    ]
    const ids = all.map((name) => names.intern(name))
    expect(ids.map((id) => names.nameOf(id))).toEqual(all)
    expect(all.map((name) => reloaded(names).idOf(name))).toEqual(ids)
  })

  it('refuses a name that is not one char per byte, and does not find it as another', () => {
    const names = new Names()
    names.intern('a')
    expect(names.idOf('\u0161')).toBe(0)
    expect(() => names.intern('\u0161')).toThrow(Bug)
  })

  it('gives ids that are given back again, and no id twice', () => {
    const names = new Names()
    const [a, b] = [names.intern('a'), names.intern('b')]
    const request = names.fresh()
    expect(request).toBe(3)
    names.free(a)
    expect(names.fresh()).toBe(a)
    names.free(request)
    expect(names.intern('c')).toBe(request)
    expect(names.intern('d')).toBe(4)
    expect(names.nameOf(b)).toBe('b')
    names.free(b)
    expect(() => names.free(b)).toThrow(Bug)
    expect(() => names.nameOf(b)).toThrow(Bug)
  })

  it('tells what the store has not seen, and nothing of ids without names', () => {
    const names = new Names()
    names.free(names.fresh())
    expect(names.changed).toEqual([])
    const a = names.intern('a')
    names.free(a)
    expect(names.changed).toEqual([a])
    names.settle()
    expect(names.fresh()).toBe(a)
    expect(names.changed).toEqual([])
    names.free(a)
    names.intern('b')
    expect(names.changed).toEqual([a])
  })

  it('forgets bytes too: names that come and go do not fill the memory', () => {
    const names = new Names()
    const kept = Array.from({ length: 50 }, (_, i) => names.intern(`kept/${i}`))
    for (let i = 0; i < 100_000; i++) names.free(names.intern(`${'x'.repeat(100)}${i}`))
    expect(kept.map((id) => names.nameOf(id))).toEqual(kept.map((_, i) => `kept/${i}`))
    expect((names as unknown as { bytes: Uint8Array }).bytes.length).toBeLessThan(100_000)
    expect(names.idsEnd).toBe(52)
  })

  it('spreads ids over the hash table: a name is found in a few steps', () => {
    const names = new Names()
    for (let i = 0; i < 20_000; i++) names.intern(`src/dir${i % 97}/file${i}.o`)
    const { slots, hashes } = names as unknown as { slots: Int32Array; hashes: Int32Array }
    const mask = slots.length - 1
    let longest = 0
    slots.forEach((id, s) => {
      if (id !== 0) longest = Math.max(longest, (s - hashes[id]!) & mask)
    })
    expect(longest).toBeLessThan(64)
  })

  it('agrees with a Map, whatever is done in whatever order', () => {
    const name = fc.oneof(
      fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 9 }).map((bytes) => String.fromCharCode(...bytes)),
      fc.integer({ min: 0, max: 400 }).map((n) => `name/${n}`),
    )
    const step = fc.oneof(
      { weight: 6, arbitrary: name.map((name) => ({ do: 'intern' as const, name })) },
      { weight: 3, arbitrary: fc.nat().map((n) => ({ do: 'free' as const, n })) },
      { weight: 1, arbitrary: fc.constant({ do: 'fresh' as const }) },
      { weight: 1, arbitrary: fc.constant({ do: 'reload' as const }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
        let names = new Names()
        const model = new Map<string, BuildId>()
        const nameless = new Set<BuildId>()
        for (const step of steps) {
          if (step.do === 'intern') {
            const id = names.intern(step.name)
            const known = model.get(step.name)
            if (known !== undefined) expect(id).toBe(known)
            else expect(nameless.has(id) || [...model.values()].includes(id)).toBe(false)
            model.set(step.name, id)
          } else if (step.do === 'fresh') {
            const id = names.fresh()
            expect(nameless.has(id) || [...model.values()].includes(id)).toBe(false)
            nameless.add(id)
          } else if (step.do === 'free') {
            const ids = [...model.values(), ...nameless]
            const id = ids[step.n % ids.length]
            if (id === undefined) continue
            names.free(id)
            nameless.delete(id)
            for (const [name, other] of model) if (other === id) model.delete(name)
          } else {
            names = reloaded(names)
            nameless.clear()
          }
        }
        expect(names.size).toBe(model.size)
        for (const [name, id] of model) {
          expect(names.idOf(name)).toBe(id)
          expect(names.nameOf(id)).toBe(name)
        }
        for (let n = 0; n <= 400; n++) expect(names.idOf(`name/${n}`)).toBe(model.get(`name/${n}`) ?? 0)
      }),
      runs(150),
    )
  })
})
