/**
 * What the machine says of a test's processes, read from /proc. Elsewhere than on Linux the lists are empty, so a test that needs them
 * says so itself with `hasProc`.
 */
import * as fs from 'node:fs'

export const hasProc = fs.existsSync('/proc/self/stat')

const readOr = <A>(read: () => A, otherwise: A): A => {
  try {
    return read()
  } catch {
    return otherwise // the process ended while we looked, or is another user's
  }
}

const isInside = (file: string, folder: string): boolean => file === folder || file.startsWith(`${folder}/`)

/** Every live process whose working folder is inside `folder` or whose environment names it; a zombie has neither. Sorted. */
export const processesOf = (folder: string): readonly number[] => {
  if (!hasProc) return []
  const names = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  return names
    .filter((name) => {
      const cwd = readOr(() => fs.readlinkSync(`/proc/${name}/cwd`), '').replace(/ \(deleted\)$/, '')
      return (
        isInside(cwd, folder) ||
        readOr(() => fs.readFileSync(`/proc/${name}/environ`, 'latin1'), '').includes(`${folder}/`)
      )
    })
    .map(Number)
    .sort((a, b) => a - b)
}

/** The files a process holds open, as the kernel names them (a removed one ends in " (deleted)"). */
export const openFilesOf = (pid: number): readonly string[] =>
  readOr(() => fs.readdirSync(`/proc/${pid}/fd`), []).map((fd) =>
    readOr(() => fs.readlinkSync(`/proc/${pid}/fd/${fd}`), ''),
  )

/** Those of `processesOf(folder)` that hold a project's lock: the engines, one a project when all is well. */
export const enginesOf = (folder: string): readonly number[] =>
  processesOf(folder).filter((pid) =>
    openFilesOf(pid).some((file) => /\/\.redford\/lock\.sqlite( \(deleted\))?$/.test(file)),
  )

/** The words of a process's command line, joined by spaces; '' when it is gone. */
export const commandLineOf = (pid: number): string =>
  readOr(() => fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1'), '')
    .replaceAll('\0', ' ')
    .trim()

/** The fields of /proc/PID/stat behind the command's name, which may itself hold spaces and brackets. */
const statFieldsOf = (pid: number): readonly string[] =>
  fs
    .readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')

/** Processor time a process has used, own and its system calls', in clock ticks (10 ms each). Throws when it is gone. */
export const cpuTicksOf = (pid: number): number => {
  const fields = statFieldsOf(pid)
  return Number(fields[11]) + Number(fields[12])
}

/** The session a process belongs to, by the pid of its leader. Throws when it is gone. */
export const sessionOf = (pid: number): number => Number(statFieldsOf(pid)[3])

/** Is there such a process, one that is not a zombie? */
export const isAlive = (pid: number): boolean => !['Z', 'X', ''].includes(readOr(() => statFieldsOf(pid)[0] ?? '', ''))

/** The processes a process started that still run. */
export const childrenOf = (pid: number): readonly number[] =>
  fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => readOr(() => statFieldsOf(child)[1], '') === String(pid))
