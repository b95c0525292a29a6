/** What docs/lab.md tells people to type works as it stands there. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'redford-lab-'))
afterAll(() => rmSync(folder, { recursive: true }))

const page = readFileSync('docs/lab.md', 'utf8')
const blocks = (kind: string): readonly string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${kind}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text]) => text!)

it('each command and program of docs/lab.md', { timeout: 300_000 }, async () => {
  const run = promisify(execFile)
  for (const name of ['own-curl-build.json', 'own-curl-changes.json'])
    symlinkSync(resolve('test/lab/traces', name), join(folder, name))
  const times = Array.from({ length: 60 }, (_, i) => `${i * i},0,1\n`)
  writeFileSync(join(folder, 'edits.csv'), `t_ms,deleted,inserted\n${times.join('')}`)
  mkdirSync(join(folder, 'project'))
  writeFileSync(join(folder, 'project', 'all.do'), 'echo x')
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(resolve('.'), join(folder, 'node_modules', 'redford'))
  for (const [i, name] of ['mine.ts', 'ahead.ts'].entries()) writeFileSync(join(folder, name), blocks('ts')[i]!)
  writeFileSync(join(folder, 'program.mjs'), blocks('js')[0]!)

  const commands = blocks('sh').flatMap((text) => text.trim().split('\n'))
  expect(commands.length).toBeGreaterThan(12)
  const redford = `'${process.execPath}' '${resolve('dist/cli/redford.cjs')}'`
  for (const command of commands) {
    const { stdout } = await run('sh', ['-c', command.replace(/^redford /, `${redford} `)], { cwd: folder })
    expect([command, stdout]).toEqual([command, expect.not.stringMatching(/^$|broke the rules/)])
  }
  for (const name of ['study.html', 'study.csv', 'study.json']) expect(existsSync(join(folder, name))).toBe(true)
  expect((await run(process.execPath, ['program.mjs'], { cwd: folder })).stdout).toBe('true\n')
})
