/** The example of README runs as it is written, and the live example pushes pages. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { useFolder } from '../support/folder.js'

const project = resolve(import.meta.dirname, '../..')
const folder = useFolder()

it('README: what it shows prints what it says', () => {
  const readme = readFileSync(join(project, 'README.md'), 'utf8')
  const [, code, printed] =
    /## Builds in TypeScript\n[\s\S]*?```ts\n([\s\S]*?)```\n\nIt prints:\n\n```\n([\s\S]*?)```/.exec(readme)!
  mkdirSync(folder.at('node_modules'))
  symlinkSync(project, folder.at('node_modules/redford'))
  // A package of its own, whatever lies above the folder.
  writeFileSync(folder.at('package.json'), '{"type":"module"}')
  writeFileSync(folder.at('example.js'), code!)
  const { stdout, stderr } = spawnSync(process.execPath, ['example.js'], { cwd: folder.path, encoding: 'utf8' })
  expect({ stdout, stderr }).toEqual({ stdout: printed, stderr: '' })
})

it('docs/replay.md: its case prints what it says', () => {
  const text = readFileSync(join(project, 'docs/replay.md'), 'utf8')
  const code = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block]) => block).join('\n')
  const [, printed] = /All of it prints:\n\n```\n([\s\S]*?)```/.exec(text)!
  mkdirSync(folder.at('node_modules'))
  symlinkSync(project, folder.at('node_modules/redford'))
  writeFileSync(folder.at('package.json'), '{"type":"module"}')
  writeFileSync(folder.at('case.js'), code)
  const { stdout, stderr } = spawnSync(process.execPath, ['case.js'], { cwd: folder.path, encoding: 'utf8' })
  expect({ stdout, stderr }).toEqual({ stdout: printed, stderr: '' })
})

describe('examples/live', () => {
  let server: ChildProcess | undefined
  afterEach(() => server?.kill('SIGKILL'))

  /** Starts it over a copy of its posts; resolved with its address. */
  const start = (): Promise<string> => {
    cpSync(join(project, 'examples/live/posts'), folder.at('posts'), { recursive: true })
    const args = [join(project, 'examples/run.mjs'), 'live', folder.at('posts'), '0']
    const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    server = started
    return new Promise((resolve, reject) => {
      started.stdout.on('data', (chunk) => {
        const found = /http:\S+/.exec(String(chunk))
        if (found !== null) resolve(found[0])
      })
      started.once('exit', () => reject(new Error('it ended')))
    })
  }

  /** The pages that are pushed to a reader of `name`. */
  async function* pushed(address: string, name: string): AsyncGenerator<string, void> {
    const response = await fetch(`${address}live/${name}`)
    let text = ''
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        yield JSON.parse(text.slice('data: '.length, end)) as string
        text = text.slice(end + 2)
      }
    }
  }
  /** At once: a reader may be told of a file that is there and not written yet. */
  const put = (path: string, text: string): void => {
    writeFileSync(folder.at('aside'), text)
    renameSync(folder.at('aside'), folder.at(path))
  }
  const next = async (pages: AsyncGenerator<string, void>): Promise<string> => (await pages.next()).value as string

  it('pushes the pages that change, and no others', async () => {
    const address = await start()
    expect(await (await fetch(address)).text()).toContain('EventSource')
    const welcome = pushed(address, 'welcome.md')
    const cutoff = pushed(address, 'cutoff.md')
    expect(await next(welcome)).toContain('<h1>Welcome</h1>')
    expect(await next(cutoff)).toContain('<h1>Early cutoff</h1>')

    const later = pushed(address, 'later.md')
    expect(await next(later)).toContain('later.md')
    put('posts/cutoff.md', '# Early cutoff\n\nThe same title.')
    expect(await next(cutoff)).toContain('The same title.')

    put('posts/later.md', '# Late, <but> there\n')
    // The next that the reader of the welcome page gets has the new title: it was not told of the other page's text.
    const sidebar = 'Late, &lt;but&gt; there</a>'
    expect(await next(welcome)).toContain(sidebar)
    expect(await next(cutoff)).toContain(sidebar)

    rmSync(folder.at('posts/later.md'))
    for (let page = await next(later); !page.includes('has no value'); page = await next(later));
    expect(await next(welcome)).not.toContain(sidebar)
  })

  it('ends with a signal, though pages are open', async () => {
    const address = await start()
    const page = pushed(address, 'welcome.md')
    await next(page)
    const ended = new Promise((resolve) => server!.once('exit', (code, signal) => resolve([code, signal])))
    const closed = page.next().catch(() => 'closed')
    server!.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    await closed
  })
})
