/** Before the tests: compile `src` into `dist` if `dist` is missing or older, so that `npx vitest` never tests old code. */
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const project = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** Times of change (ms since epoch) of the files under `folder` whose names end in `suffix`; none when it is missing. */
const changeTimes = (folder: string, suffix: string): readonly number[] => {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs)
  } catch {
    return []
  }
}

/** The compiler writes all of `dist` at each run, so any file of that run tells when it was. */
const isFresh = (): boolean => {
  const configs = ['tsconfig.json', 'tsconfig.build.json'].map((name) => statSync(join(project, name)).mtimeMs)
  const newestSource = Math.max(...changeTimes(join(project, 'src'), '.ts'), ...configs)
  const builtAt = Math.max(...changeTimes(join(project, 'dist'), '.js'))
  return builtAt > newestSource
}

export default function setup(): void {
  if (isFresh()) return
  const tsc = spawnSync('npm', ['run', '--silent', 'build'], { cwd: project, encoding: 'utf8' })
  if (tsc.status !== 0) throw new Error(`src does not compile:\n${tsc.stdout}${tsc.stderr}`)
}
