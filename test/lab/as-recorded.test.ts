import { afterEach, expect, it } from 'vitest'
import { closeSpaces, space } from '../support/space.js'

afterEach(closeSpaces)

it('a build by do-files is the same in the simulation, tick by tick, with what each asks for looked at as it asks', async () => {
  const s = space({
    'all.do': 'redo-ifchange a b\n',
    'a.do': 'redo-ifchange src\nredo-always\ncat src\n',
    'b.do': 'redo-ifchange other\ncat other | redo-stamp\necho b\n',
    src: '1',
    other: '2',
  })
  expect((await s.run('redo', ['-j1', '--no-daemon', '--record', 'r.rec', 'all'])).code).toBe(0)
  const study = ['--slots', '0', '--policy', 'criticalPath', '--seed', '1', '--export', 'played.rec']
  expect(await s.run('redford', ['lab', 'r.rec', ...study])).toMatchObject({ code: 0, stderr: '' })
  const logOf = async (name: string): Promise<readonly string[]> =>
    (await s.run('redford', ['log', name])).stdout.split('\n')
  expect(await logOf('played.rec')).toEqual(await logOf('r.rec'))
  expect((await s.run('redford', ['lab', 'validate', 'r.rec'])).stdout).toMatch(
    /^r.rec: took ([\d.]+) ms, simulated \1 ms, off by 0.000 %\n$/,
  )
})
