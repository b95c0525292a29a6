/** The help of a command says what README says of it. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { helpFor } from '../../src/redo/help.js'

const readme = readFileSync('README.md', 'utf8')

/** The rows of the table that begins with `head`, cell by cell. */
const tableOf = (head: string): readonly (readonly string[])[] => {
  const [, rows] = readme.split(`${head}\n`)
  return rows!
    .slice(0, rows!.indexOf('\n\n'))
    .split('\n')
    .slice(1)
    .map((row) => row.split('|').map((cell) => cell.trim()))
}

it('tells of --json where README does', () => {
  const commands = tableOf('| command | what it does | options |').flatMap(([, names, , options]) =>
    [...names!.matchAll(/`(redo-\w+|redford why(?:-not)?)/g)].map(([, name]) => ({ name: name!, options: options! })),
  )
  expect(commands.length).toBeGreaterThan(10)
  for (const { name, options } of commands)
    expect([name, helpFor(name.replace(' ', '-')).includes('--json')]).toEqual([name, options.includes('--json')])
})

it('names every event of a trace', () => {
  const [, events] = /a line of JSON for each (.*)/.exec(helpFor('redo'))!
  expect(events!.split(', ')).toEqual(tableOf('| event | fields | |').map(([, event]) => event!.replaceAll('`', '')))
})
