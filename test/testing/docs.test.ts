/** docs/testing.md runs as it is written. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { useFolder } from '../support/folder.js'

const project = resolve(import.meta.dirname, '../..')
const folder = useFolder()

it('docs/testing.md prints what it says', () => {
  const page = readFileSync(join(project, 'docs/testing.md'), 'utf8')
  const blocks = [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
  const code = blocks.filter(([, language]) => language === 'js').map(([, , text]) => text)
  const printed = blocks.filter(([, language]) => language === '').map(([, , text]) => text)
  expect([code.length, printed.length]).toEqual([5, 5])
  mkdirSync(folder.at('node_modules'))
  symlinkSync(project, folder.at('node_modules/redford'))
  writeFileSync(folder.at('package.json'), '{"type":"module"}')
  writeFileSync(folder.at('example.js'), code.join('\n'))
  const { stdout, stderr } = spawnSync(process.execPath, ['example.js'], { cwd: folder.path, encoding: 'utf8' })
  expect({ stdout, stderr }).toEqual({ stdout: printed.join(''), stderr: '' })
})
