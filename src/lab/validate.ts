/** Builds a project for real, and simulates the same: how far the lab is from the world. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { messageOf } from '../model/misuse.js'
import type { Policy } from '../reduce/policies/policy.js'
import { LabError } from './graph.js'
import { meanOf } from './metrics.js'
import { simulated, type Validation, validate } from './recordings.js'

export interface Project {
  readonly folder: string
  readonly targets: readonly string[]
  /** Each number of slots that it is built with. */
  readonly jobs: readonly number[]
  /** How often with each. */
  readonly runs: number
  /** The policy that it is built by, where its `redford.config.js` has one of its own. */
  readonly policy?: Policy
  /** The script of the `redford` command. */
  readonly main: string
}

/** A build with as many slots as it was recorded with; or with others, as that recording says: the mean of all runs. */
export type Validated =
  | ({ readonly _tag: 'same'; readonly jobs: number; readonly run: number } & Validation)
  | ({ readonly _tag: 'other'; readonly jobs: number; readonly from: number } & Validation)

/** Each build begins with nothing made, in a copy of the folder, which is left as it is. @throws LabError where a build fails. */
export function* validateProject(project: Project): Generator<Validated> {
  const { jobs, runs, policy } = project
  const aside = mkdtempSync(join(tmpdir(), 'redford-lab-'))
  try {
    const made = new Set(targetsOf(project))
    const recordings = new Map<number, string[]>()
    const recorded = new Map<number, number[]>()
    for (const n of jobs) {
      recordings.set(n, [])
      recorded.set(n, [])
      for (let run = 1; run <= runs; run++) {
        const path = join(aside, `${n}-${run}.rec`)
        build(project, join(aside, 'copy'), made, n, path)
        const found = validate(path, policy)
        recordings.get(n)!.push(path)
        recorded.get(n)!.push(found.recorded)
        yield { _tag: 'same', jobs: n, run, ...found }
      }
    }
    for (const from of jobs)
      for (const n of jobs) {
        if (n === from) continue
        const took = meanOf(recorded.get(n)!)
        const all = recordings.get(from)!.map((path) => simulated(path, n, policy))
        const makespan = meanOf(all.map(({ ms }) => ms))
        const guessed = all.reduce((sum, one) => sum + one.guessed, 0)
        const error = Math.abs(makespan - took) / Math.max(1e-3, took)
        yield { _tag: 'other', jobs: n, from, recorded: took, simulated: makespan, error, guessed }
      }
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

const command = ({ main }: Project, cwd: string, args: readonly string[]): string => {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('REDFORD_')))
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { cwd, env, encoding: 'utf8' })
  if (status !== 0) throw new LabError(`${args[0]} failed in a copy of the project:\n${stderr.trimEnd()}`)
  return stdout
}

/** What was built there: a copy is to build it anew. */
const targetsOf = (project: Project): readonly string[] => {
  if (!existsSync(join(project.folder, '.redford', 'state.sqlite'))) return []
  const names = command(project, project.folder, ['redo-targets']).split('\n')
  return names.filter((name) => name !== '').map((name) => resolve(project.folder, name))
}

/**
 * All of `from` that is `wanted`. The sockets of other daemons, and pipes, are nothing that a build reads, and cannot be copied. A link that
 * leads out of it, as `npm link` makes them, leads to the same file from the copy; one within leads to the copy of that file.
 */
const copyAll = (from: string, to: string, wanted: (path: string) => boolean): void => {
  const leadingOut: (readonly [path: string, target: string])[] = []
  const filter = (path: string): boolean => {
    if (!wanted(path)) return false
    const found = lstatSync(path)
    if (!found.isSymbolicLink()) return found.isFile() || found.isDirectory()
    const text = readlinkSync(path)
    const target = resolve(dirname(path), text)
    if (isAbsolute(text) || !relative(from, target).startsWith('..')) return true
    leadingOut.push([join(to, relative(from, path)), target])
    return false
  }
  cpSync(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true, filter })
  for (const [path, target] of leadingOut) symlinkSync(target, path)
}

const build = (project: Project, copy: string, made: ReadonlySet<string>, jobs: number, recording: string): void => {
  rmSync(copy, { recursive: true, force: true })
  const from = resolve(project.folder)
  try {
    copyAll(from, copy, (path) => !made.has(path) && relative(from, path) !== '.redford')
  } catch (error) {
    throw new LabError(`${project.folder} cannot be copied, to be built there: ${messageOf(error)}`)
  }
  // It is the root, wherever the folder for temporary files lies.
  mkdirSync(join(copy, '.redford'), { mode: 0o700 })
  command(project, copy, ['redo-ifchange', '--no-daemon', `-j${jobs}`, '--record', recording, ...project.targets])
}
