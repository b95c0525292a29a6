// As few files, twice: loading a hundred small ones takes Node longer than most builds with nothing to do. All are as deep in `dist` as
// the sources: code asks where it is.
import { readdirSync, readFileSync } from 'node:fs'

/** The command line. Not as an ES module: Node's loader for these takes 7 ms more. */
const commands = {
  input: 'dist/cli/main.js',
  platform: 'node',
  external: ['better-sqlite3'],
  logLevel: 'warn',
  plugins: [licenses()],
  output: {
    dir: 'dist/cli',
    entryFileNames: 'redford.cjs',
    chunkFileNames: 'redford-[name].cjs',
    format: 'cjs',
    minify: true,
  },
}

/**
 * What the package exports, in place of what the compiler made of it. What two exports have in common is one module, so that there is one of each
 * class. immer goes into it: how it is set here is nothing to a user's own. So does fp-ts, whose values are plain data: it is forty files.
 */
const library = {
  input: {
    index: 'src/index.ts',
    'testing/index': 'src/testing/index.ts',
    'testing/vitest': 'src/testing/vitest.ts',
    'lab/index': 'src/lab/index.ts',
  },
  platform: 'node',
  external: /^(?!fp-ts\/|immer$)[^./]/,
  logLevel: 'warn',
  plugins: [licenses()],
  output: {
    dir: 'dist',
    format: 'es',
    sourcemap: true,
    chunkFileNames: 'chunks/[name].js',
    codeSplitting: {
      // Each takes in what its own need that no group before it did.
      groups: [
        { name: 'engine', test: /\/(src\/(?!testing\/|lab\/)|node_modules\/)/ },
        { name: 'testing', test: /\/src\/testing\/(?!vitest)/ },
        { name: 'lab', test: /\/src\/lab\// },
      ],
    },
  },
}

export default [commands, library]

/** Beside what is made, the licenses of all that went into it. */
function licenses() {
  return {
    name: 'licenses',
    generateBundle() {
      const inModules = [...this.getModuleIds()].map((id) => /^(.*\/node_modules\/(@[^/]+\/)?[^/]+)\//.exec(id)?.[1])
      const folders = [...new Set(inModules)].filter((folder) => folder !== undefined).sort()
      const texts = folders.map((folder) => {
        const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
        const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
        return `${name} ${version}, ${license}\n\n${file ? readFileSync(`${folder}/${file}`, 'utf8').trim() : ''}\n`
      })
      this.emitFile({ type: 'asset', fileName: 'licenses.txt', source: texts.join(`\n${'-'.repeat(80)}\n\n`) })
    },
  }
}
