/** Looking at many files at once, where the C program cannot be run. */
import { expect, it } from 'vitest'
import { Scanner } from '../../src/make/scanner.js'
import { BULK_MIN } from '../../src/make/stat-all.js'
import { LOOK_STRIDE, LookWord } from '../../src/model/event.js'
import { buildId } from '../../src/model/ids.js'
import { ABSENT, FILE } from '../../src/model/look.js'
import { emptyState } from '../../src/model/state.js'

const builds = Array.from({ length: BULK_MIN }, (_, i) => buildId(i + 1))
const naming = {
  nameOf: (build: number) => (build === 1 ? 'package.json' : `no-such-file-${build}`),
  intern: () => buildId(0),
  packed: () => Buffer.from('package.json\0'),
}

it.each(['/no/such/program', '/bin/false'])('each is looked at by itself where %s is the program', (program) => {
  const scanner = new Scanner(naming, program)
  const { looks } = scanner.scan(emptyState, builds)
  const kinds = builds.map((_, i) => looks[i * LOOK_STRIDE + LookWord.KIND])
  expect(kinds).toEqual(builds.map((_, i) => (i === 0 ? FILE : ABSENT)))
  expect(scanner.changedOf(emptyState, builds)).toBeUndefined()
})
