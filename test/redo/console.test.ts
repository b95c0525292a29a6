/** What a person sees, as far as no command is needed to see it. */
import { expect, test } from 'vitest'
import { Console } from '../../src/redo/console.js'

test('the live line is cut between characters, not between their bytes', () => {
  const drawn: string[] = []
  const out = { stdout: () => {}, stderr: () => {}, status: (text: string) => drawn.push(text) }
  new Console(out, { tty: true, color: false, columns: 5 }).status('éüöäñ')
  expect(Buffer.from(drawn[0] ?? '', 'latin1').toString()).toBe('éüöä')
})
