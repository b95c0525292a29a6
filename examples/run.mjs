/**
 * Builds one of the examples with the project's own `redo` and says in a few lines what happened.
 * `npm run example` for the site, `npm run example c` for the C program. `npm run example live` serves a blog by the library.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const examples = dirname(fileURLToPath(import.meta.url))
const project = dirname(examples)

/** What an example shows: which targets count, how to call them, and what to say before and after. */
const shown = {
  site: {
    counts: (target) => target.endsWith('.html'),
    noun: 'page',
    // One line a page, and the front page.
    result: () => {
      const list = readFileSync(join(examples, 'site', 'pages.list'), 'utf8')
      return `${list.split('\n').length} pages in all; open examples/site/index.html`
    },
    next: 'Next: change examples/site/pages/parts/footer.md and run this again. Only the pages that include it are made.',
  },
  c: {
    counts: (target) => target.endsWith('.o') || target === 'hello',
    noun: 'file',
    result: () => {
      if (!existsSync(join(examples, 'c', 'hello'))) return 'There is no C compiler (cc) here, so there is no program.'
      return `It says: ${spawnSync('./hello', { cwd: join(examples, 'c'), encoding: 'utf8' }).stdout.trim()}`
    },
    next: 'Next: copy examples/c/defaults/settings.h beside main.c, change the greeting in the copy, and run this again.',
  },
}

const fail = (message) => {
  console.error(message)
  process.exit(1)
}

const name = process.argv[2] ?? 'site'
if (name !== 'live' && !Object.hasOwn(shown, name))
  fail(`There is no example ${name}: try ${[...Object.keys(shown), 'live'].join(' or ')}.`)

if (!existsSync(join(project, 'dist'))) {
  const built = spawnSync('npm', ['run', '--silent', 'build'], { cwd: project, stdio: 'inherit' })
  if (built.status !== 0) fail('The project does not compile.')
}

if (name === 'live') {
  process.argv.splice(2, 1)
  await import('./live/server.mjs')
} else build(name, shown[name])

function build(name, example) {
  const startedAt = performance.now()
  const redo = spawnSync(join(project, 'bin', 'redo'), { cwd: join(examples, name), encoding: 'utf8' })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(2)
  if (redo.error) fail(`bin/redo could not be started: ${redo.error.message}`)
  if (redo.status !== 0) fail(`${redo.stderr}redo ended with ${redo.status ?? redo.signal}.`)

  // Each do-file that starts is a line `redo  target` on stderr.
  const ran = [...redo.stderr.matchAll(/^redo +(\S+)$/gm)].map(([, target]) => target)
  const made = ran.filter(example.counts).length
  console.log(
    made === 0
      ? `Nothing to do: every ${example.noun} is up-to-date (${seconds} s).`
      : `Made ${made} ${example.noun}${made === 1 ? '' : 's'} with ${ran.length} do-files in ${seconds} s.`,
  )
  console.log(example.result())
  console.log(made === 0 ? example.next : 'Run it once more: there will be nothing to do.')
}
