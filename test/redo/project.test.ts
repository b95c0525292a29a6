import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { findRoot, Resolver } from '../../src/redo/project.js'

const base = realpathSync(mkdtempSync(join(tmpdir(), 'redford-project-')))
const root = join(base, 'root')
mkdirSync(join(root, 'a/b'), { recursive: true })
symlinkSync('a/b', join(root, 'link'))
symlinkSync('..', join(root, 'out'))
afterAll(() => rmSync(base, { recursive: true }))

test.each([
  ['', 'x', 'x'],
  ['', 'a/x', 'a/x'],
  ['', './a/x', 'a/x'],
  ['', 'a//x', 'a/x'],
  ['', 'a/../x', 'x'],
  ['', 'a', 'a'],
  ['', 'a/', 'a'],
  ['', '.', ''],
  ['', 'link/x', 'a/b/x'],
  ['', 'link/../x', 'a/x'],
  ['', 'link', 'link'],
  ['', 'none/x', 'none/x'],
  ['a', 'x', 'a/x'],
  ['a', 'a/x', 'a/a/x'],
  ['a', '../x', 'x'],
  ['a', '..', ''],
  ['link', 'x', 'a/b/x'],
  ['', 'out/x', `${base}/x`],
  ['', 'out/root', ''],
  ['', '../root/x', 'x'],
  ['', '/x', '/x'],
  ['', `${root}/a/x`, 'a/x'],
])('from %j, %s is the target %j, asked once or again', (folder, target, name) => {
  const resolver = new Resolver(root, join(root, folder))
  expect([resolver.nameOf(target), resolver.nameOf(target)]).toEqual([name, name])
})

const places = join(base, 'places')
for (const folder of ['known/.redford', 'known/sub', 'other/.redford', 'git/.git', 'git/sub', 'plain/sub', 'bare'])
  mkdirSync(join(places, folder), { recursive: true })
for (const doFile of ['known/sub/x.do', 'git/sub/x.do', 'plain/all.do', 'plain/sub/x.do'])
  writeFileSync(join(places, doFile), 'echo x\n')

test.each([
  ['known', [], 'known'],
  ['known/sub', ['x'], 'known'],
  ['known/sub', ['x', '../../bare/y', '/etc/hosts'], 'known'],
  ['known', ['/etc/hosts'], 'known'],
  ['known', ['../bare/x'], 'known'],
  ['known', ['../other/x'], 'other'],
  ['known', ['../git/sub/x', '../git/x'], 'git'],
  ['git/sub', ['../../known/x'], 'known'],
  ['bare', ['../known/sub/x'], 'known'],
  ['bare', ['../git/sub/x'], 'git'],
  ['', ['known/sub/x'], 'known'],
  ['plain/sub', [], 'plain'],
  ['plain/sub', ['-', '', '../x'], 'plain'],
  ['plain/sub', ['x', '/etc/hosts'], 'plain'],
  ['plain', ['../bare/x'], ''],
  ['bare', [], 'bare'],
  ['bare', ['/etc/hosts'], 'bare'],
  ['bare', ['../plain/sub/x'], ''],
  ['/', [`${places}/plain/sub/x`], 'plain'],
])('the project of a command given in %j for %j is %j', (folder, targets, root) => {
  const at = (name: string): string => (name.startsWith('/') ? name : join(places, name).replace(/\/$/, ''))
  expect(findRoot(at(folder), targets)).toBe(at(root))
})

test.each([
  ['', ['known/x', 'other/x']],
  ['', ['bare/x', 'git/x', 'known/x']],
  ['git/sub', ['../../known/sub/x', '../../other/x']],
])('a command given in %j for %j is refused: they are of several projects', (folder, targets) => {
  const several = /^the targets are of several projects, \/.* and \/.*: give a command for each$/
  expect(() => findRoot(join(places, folder).replace(/\/$/, ''), targets)).toThrow(several)
})
