/**
 * A blog whose pages are pushed to whoever has them open: `npm run example live`, or
 * `node examples/live/server.mjs [FOLDER [PORT]]`. Change, add or remove a file of the folder, and look at the open pages.
 */
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import MarkdownIt from 'markdown-it'
import { codec as C, createEngine, describe, fileSource, folderSource, rule } from 'redford'

const [root = fileURLToPath(new URL('posts', import.meta.url)), port = '8080'] = process.argv.slice(2)
const markdown = new MarkdownIt()
const { escapeHtml } = markdown.utils

// ---- what there is to build

const file = fileSource({ root })
const folder = folderSource({ root })

const title = rule('title', { key: C.string, value: C.string }, function* (name, b) {
  const text = yield* b.need(file(name))
  return /^# (.+)$/m.exec(text)?.[1] ?? name
})

const sidebar = rule('sidebar', { key: C.nothing, value: C.string }, function* (_, b) {
  const names = (yield* b.need(folder('.'))).filter((name) => name.endsWith('.md'))
  const titles = yield* b.all(names.map((name) => title(name)))
  const links = names.map((name, i) => `<li><a href="/${encodeURIComponent(name)}">${escapeHtml(titles[i])}</a></li>`)
  return `<nav><ul>${links.join('')}</ul></nav>`
})

const page = rule('page', { key: C.string, value: C.string }, function* (name, b) {
  const [text, nav] = yield* b.all([file(name), sidebar(undefined)])
  return `${nav}<main>${markdown.render(text)}</main>`
})

const eng = createEngine({ rules: [file, folder, title, sidebar, page] })

// ---- and how it is served: a page is a live request, told of as server-sent events

const shell = (name) => `<!doctype html><meta charset="utf-8"><title>${escapeHtml(name)}</title>
<style>body { font: 1em/1.5 sans-serif; display: flex; gap: 3em; margin: 2em } main { max-width: 40em }</style>
<body></body>
<script>
  new EventSource('/live/' + location.pathname.slice(1)).onmessage = ({ data }) => { document.body.innerHTML = JSON.parse(data) }
</script>`

const push = (name, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  const live = eng.live(page(name))
  live.subscribe((notice) => {
    const html = notice._tag === 'value' ? notice.value : `<p>${escapeHtml(describe(notice.error))}</p>`
    response.write(`data: ${JSON.stringify(html)}\n\n`)
    console.log(`pushed ${name}, version ${notice.version}`)
  })
  response.on('close', () => live.cancel())
}

const server = createServer((request, response) => {
  const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname).slice(1)
  if (path === '') response.writeHead(302, { location: '/welcome.md' }).end()
  else if (path.startsWith('live/')) push(path.slice('live/'.length), response)
  else response.writeHead(200, { 'content-type': 'text/html' }).end(shell(path))
})
server.listen(Number(port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/ shows ${root}; Ctrl-C ends it`)
})

for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, async () => {
    server.close()
    server.closeAllConnections()
    await eng.close()
  })
