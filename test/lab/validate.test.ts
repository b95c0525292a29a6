import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { LabError } from '../../src/lab/graph.js'
import { validateProject } from '../../src/lab/validate.js'

const folder = mkdtempSync(join(tmpdir(), 'redford-lab-'))
afterAll(() => rmSync(folder, { recursive: true }))

const project = (targets: readonly string[]) => ({
  folder,
  targets,
  jobs: [1, 2, 3],
  runs: 1,
  main: resolve('dist/cli/redford.cjs'),
})

it('a project that is built for real takes as long in the simulation, and is left as it is', () => {
  writeFileSync(join(folder, 'text'), 'x')
  writeFileSync(join(folder, 'all.do'), 'for i in 1 2 3 4; do echo lib$i; done | redo-ifchange -')
  writeFileSync(
    join(folder, 'default.do'),
    `case $1 in
      lib*) for j in 1 2 3 4; do echo \${1#lib}.$j; done | redo-ifchange -; sleep 0.02; redo-ifchange common;;
      common) redo-ifchange text; sleep 0.03;;
      ?.*) redo-ifchange text common;;
      *) exit 1;;
    esac`,
  )
  const before = readdirSync(folder)
  const found = [...validateProject(project(['all']))]
  expect(readdirSync(folder)).toEqual(before)
  expect(found.map(({ _tag, jobs }) => `${_tag} ${jobs}`)).toEqual([
    ...['same 1', 'same 2', 'same 3'],
    ...['other 2', 'other 3', 'other 1', 'other 3', 'other 1', 'other 2'],
  ])
  for (const { _tag, recorded, simulated, error, guessed } of found) {
    if (_tag === 'same') expect(error).toBeLessThan(0.03)
    expect(simulated).toBeGreaterThan(50)
    expect(error).toBeCloseTo(Math.abs(simulated - recorded) / recorded, 6)
    expect(guessed).toBe(0)
  }
})

it('sockets and pipes that lie in the folder are not copied', async () => {
  mkdirSync(join(folder, 'inner', '.redford'), { recursive: true })
  const server = createServer().listen(join(folder, 'inner', '.redford', 'socket'))
  await once(server, 'listening')
  execFileSync('mkfifo', [join(folder, 'pipe')])
  writeFileSync(join(folder, 'one.do'), 'echo x')
  try {
    const [found] = [...validateProject({ ...project(['one']), jobs: [1] })]
    expect(found).toMatchObject({ _tag: 'same', jobs: 1, run: 1 })
  } finally {
    server.close()
    rmSync(join(folder, 'pipe'))
  }
})

it('links lead where they did: out of the folder, or to what is copied', () => {
  const own = mkdtempSync(join(folder, 'links'))
  mkdirSync(join(own, 'project'))
  writeFileSync(join(own, 'outside'), 'o')
  writeFileSync(join(own, 'project', 'inside'), 'i')
  symlinkSync('../outside', join(own, 'project', 'out'))
  symlinkSync('inside', join(own, 'project', 'in'))
  writeFileSync(join(own, 'project', 'all.do'), 'test "$(readlink in)" = inside; cat in out')
  const found = [...validateProject({ ...project(['all']), folder: join(own, 'project'), jobs: [1] })]
  expect(found).toHaveLength(1)
})

it('a folder in which the copy would lie is refused', () => {
  const whole = { ...project(['all']), folder: tmpdir() }
  expect(() => [...validateProject(whole)]).toThrow(LabError)
  expect(() => [...validateProject(whole)]).toThrow(`${tmpdir()} cannot be copied, to be built there: `)
})

it('a build that fails is told as it was', () => {
  expect(() => [...validateProject(project(['nothing']))]).toThrow(LabError)
  expect(() => [...validateProject(project(['nothing']))]).toThrow(/nothing: failed, exit 1/)
})
