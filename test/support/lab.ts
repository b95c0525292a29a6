/** The command as people call it. */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'

export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** -1: it was ended. */
export const redford = (...args: readonly string[]): Promise<Said> =>
  new Promise((done) => {
    execFile(process.execPath, [resolve('dist/cli/redford.cjs'), ...args], (error, out, err) =>
      done({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err }),
    )
  })
