/** The case of do-files in docs/replay.md runs as it is written, and README tells a part of the same. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { FORMAT } from '../../src/store/recording/format.js'
import { closeSpaces, space } from '../support/space.js'

afterEach(closeSpaces)

const project = resolve(import.meta.dirname, '../..')
const page = (name: string): string => readFileSync(join(project, name), 'utf8')

/** Lines of a transcript, by the command that printed them. `> `: what was typed into it. */
interface Entry {
  readonly command: string
  readonly typed: readonly string[]
  readonly printed: readonly string[]
}

const entriesIn = (text: string): readonly Entry[] =>
  text.split(/^\$ /m).flatMap((part) => {
    const [command = '', ...lines] = part.split('\n').slice(0, -1)
    if (command === '') return []
    const isTyped = (line: string): boolean => line.startsWith('> ')
    const typed = lines.filter(isTyped).map((line) => line.slice(2))
    return [{ command, typed, printed: lines.filter((line) => !isTyped(line)) }]
  })

const transcriptsIn = (text: string): readonly Entry[] =>
  [...text.matchAll(/```\n(\$ [\s\S]*?)```/g)].flatMap(([, block]) => entriesIn(block!))

/** Times and versions are others each time; so may be tick numbers, and whether a file was looked at too soon after it was written. */
const steady = (text: string): string =>
  text
    .replaceAll(/\d+\.\d{3} s/g, 'TIME')
    .replaceAll(/\btick \d+/g, 'tick N')
    .replaceAll(/by redo [\d.]+,/g, 'by redo VERSION,')
    .replaceAll(/^ {2}flags: looked at right after it was written\n/gm, '')

const [ofDoFiles] = page('docs/replay.md').split('# By rules\n') as [string]

it('docs/replay.md: its case of do-files prints what it says', { timeout: 60_000 }, async () => {
  const [, files] = /```sh\n([\s\S]*?)```/.exec(ofDoFiles)!
  const s = space(
    Object.fromEntries(
      files!.split(/^# (?=\S+\.do$)/m).flatMap((part) => {
        const [name, ...lines] = part.split('\n')
        return name === '' ? [] : [[name, lines.join('\n')]]
      }),
    ),
  )
  const entries = transcriptsIn(ofDoFiles)
  expect(entries.length).toBeGreaterThan(15)
  for (const { command, typed, printed } of entries) {
    const { stdout, stderr } = await s.sh(command, { stdin: typed.map((line) => `${line}\n`).join('') })
    const expected = printed.map((line) => `${line}\n`).join('')
    expect([command, steady(stdout + stderr)]).toEqual([command, steady(expected)])
  }
})

it('README tells a part of the same case', () => {
  const known = new Map(transcriptsIn(ofDoFiles).map(({ command, ...rest }) => [command, rest]))
  const [, section] = /## A build that went wrong\n([\s\S]*?)\n## /.exec(page('README.md'))!
  const entries = transcriptsIn(section!)
  expect(entries.length).toBeGreaterThan(5)
  for (const { command, ...rest } of entries) expect([command, rest]).toEqual([command, known.get(command)])
})

it('docs/recording.md names the format that is written', () => {
  expect(page('docs/recording.md')).toContain(`\`user_version\` the format (${FORMAT})`)
})
