/** A command in a terminal of its own, typed into by a person who reads what it says before going on. */
import { spawn } from 'node:child_process'

/** `script` is part of every Debian (bsdutils is essential), and of macOS, which takes its words in another order. */
const commandLine = (command: string): readonly string[] =>
  process.platform === 'darwin' ? ['-q', '/dev/null', 'sh', '-c', command] : ['-qec', command, '/dev/null']

export interface Typed {
  /** The screen shows this, after what was typed before. */
  readonly after: RegExp
  readonly keys: string
}

/** What the screen showed, all in all, without the escapes of the terminal; and the code that the command ended with. */
export const inTerminal = (
  command: string,
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
  typed: readonly Typed[],
): Promise<{ readonly code: number | null; readonly screen: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn('script', commandLine(command), { ...options, stdio: ['pipe', 'pipe', 'inherit'] })
    let raw = ''
    let seen = 0
    let next = 0
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`waited in vain for ${typed[next]?.after ?? 'the end'} after:\n${plain(raw)}`))
    }, 15_000)
    child.once('error', reject)
    child.stdout.on('data', (chunk) => {
      raw += chunk
      for (let step = typed[next]; step !== undefined; step = typed[next]) {
        const found = step.after.exec(plain(raw).slice(seen))
        if (found === null) return
        seen += found.index + found[0].length
        next++
        child.stdin.write(step.keys)
      }
    })
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ code, screen: plain(raw) })
    })
  })

const plain = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal is spoken to by them
  text.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replaceAll('\r', '')
