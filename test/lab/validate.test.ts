import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
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

it('a project that is built for real takes as long in the simulation, to the millisecond, and is left as it is', () => {
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
    if (_tag === 'same') expect(Math.abs(simulated - recorded)).toBeLessThan(1)
    expect(simulated).toBeGreaterThan(50)
    expect(error).toBeCloseTo(Math.abs(simulated - recorded) / recorded, 6)
    expect(guessed).toBe(0)
  }
})

it('a build that fails is told as it was', () => {
  expect(() => [...validateProject(project(['nothing']))]).toThrow(LabError)
  expect(() => [...validateProject(project(['nothing']))]).toThrow(/nothing: failed, exit 1/)
})
