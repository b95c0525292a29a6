/**
 * Random acts on a small tree of folders, files and links, against the plain truth: whatever looks different after a
 * `sync` that is to be trusted must have been told. Telling too much is allowed: it costs a stat.
 *
 * Files get further names (link(2)) only before they are watched, since inotify does not tell the old names of a new one.
 */
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openWatcher } from '../../src/make/watch.js'
import { runs } from '../support/runs.js'

const names = ['a', 'b', 'c']
/** Below both the project and a folder beside it: 39 paths each, all of which are watched. */
const spots = names.flatMap((one) => [
  one,
  ...names.flatMap((two) => [`${one}/${two}`, ...names.map((three) => `${one}/${two}/${three}`)]),
])
const paths = [...spots, ...spots.map((spot) => `../far/${spot}`)]

type Act =
  | { readonly _tag: 'make' | 'write' | 'remove' | 'chmod'; readonly at: string }
  | { readonly _tag: 'rename' | 'link' | 'symlink'; readonly at: string; readonly to: string }

const anyPath = fc.constantFrom(...paths)
const anyAct: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ _tag: fc.constantFrom('make', 'make', 'write', 'write', 'remove', 'chmod'), at: anyPath }),
  fc.record({ _tag: fc.constantFrom('rename', 'symlink'), at: anyPath, to: anyPath }),
)

const anyFirstAct: fc.Arbitrary<Act> = fc.oneof(
  anyAct,
  fc.record({ _tag: fc.constant('link'), at: anyPath, to: anyPath }),
)

const perform = (root: string, act: Act): void => {
  const at = join(root, act.at)
  try {
    switch (act._tag) {
      case 'make':
        return void mkdirSync(at, { recursive: true })
      case 'write':
        return appendFileSync(at, 'x')
      case 'remove':
        return rmSync(at, { recursive: true })
      case 'chmod':
        return chmodSync(at, lstatSync(at).mode ^ 0o020)
      case 'rename':
        return renameSync(at, join(root, act.to))
      case 'link':
        return linkSync(at, join(root, act.to))
      case 'symlink':
        // Every other link is absolute, so that both kinds are met.
        return symlinkSync(act.to.includes('b') ? join(root, act.to) : act.to, at)
    }
  } catch {
    // Acts that make no sense here are left out.
  }
}

/** What a scan would see: of a folder only that it is one. */
const looks = (root: string): ReadonlyMap<string, string> =>
  new Map(
    paths.map((path) => {
      try {
        const stats = [lstatSync(join(root, path), { bigint: true }), statSync(join(root, path), { bigint: true })]
        const words = stats.map((stat) =>
          stat.isDirectory() ? 'folder' : `${stat.ino} ${stat.mode} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`,
        )
        return [path, words.join(' ')]
      } catch {
        return [path, 'absent']
      }
    }),
  )

describe.skipIf(process.platform !== 'linux')('random acts', () => {
  it('are all told', { timeout: 300_000 }, async () => {
    let changed = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyFirstAct, { maxLength: 12 }),
        fc.array(fc.array(anyAct, { minLength: 1, maxLength: 6 }), { maxLength: 8 }),
        async (first, rounds) => {
          const base = realpathSync(mkdtempSync(join(tmpdir(), 'redford-watch-')))
          const root = join(base, 'project')
          mkdirSync(join(root, '.redford/tmp'), { recursive: true })
          mkdirSync(join(base, 'far'))
          const told = new Set<string>()
          const watcher = openWatcher(
            root,
            '.redford/tmp',
            (some) => some.forEach((path) => told.add(path)),
            () => {},
          )
          try {
            for (const act of first) perform(root, act)
            watcher.watch(paths)
            let before = looks(root)
            for (const acts of rounds) {
              for (const act of acts) perform(root, act)
              expect(await watcher.sync()).toBe(true)
              const after = looks(root)
              const missed = paths.filter((path) => before.get(path) !== after.get(path) && !told.has(path))
              expect(missed).toEqual([])
              changed += paths.filter((path) => before.get(path) !== after.get(path)).length
              told.clear()
              before = after
            }
          } finally {
            watcher.close()
            rmSync(base, { recursive: true, force: true })
          }
        },
      ),
      runs(150),
    )
    // A run in which nothing changed would prove nothing.
    expect(changed).toBeGreaterThan(500)
  })
})
