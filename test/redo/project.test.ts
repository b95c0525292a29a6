import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Resolver } from '../../src/redo/project.js'

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
