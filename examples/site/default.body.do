#!/usr/bin/env node
// out/P.body, the HTML of one Markdown text, is made from P.md of the project. Any language can be a do-file's.
const { execFileSync } = require('node:child_process')
const { mkdirSync, readFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const Markdown = require('markdown-it')

const [, , target, stem] = process.argv
const source = join('..', '..', `${stem.replace(/^out\//, '')}.md`)
execFileSync('redo-ifchange', [source, require.resolve('markdown-it/package.json')], { stdio: 'inherit' })

// HTML is let through, so that `<!-- include: x.md -->` reaches default.html.do.
const markdown = new Markdown({ html: true })

// Pages lie to one another as their sources do: a link to a Markdown file becomes one to its page.
const { link_open: open = (tokens, index, options, _env, self) => self.renderToken(tokens, index, options) } =
  markdown.renderer.rules
markdown.renderer.rules.link_open = (tokens, index, ...rest) => {
  const href = tokens[index].attrGet('href')
  if (!/^\w+:/.test(href)) tokens[index].attrSet('href', href.replace(/\.md(?=#|$)/, '.html'))
  return open(tokens, index, ...rest)
}

mkdirSync(dirname(target), { recursive: true })
process.stdout.write(markdown.render(readFileSync(source, 'utf8')))
