// The command line as few files: loading sixty small ones takes Node longer than most builds with nothing to do. Not as an
// ES module: Node's loader for these takes 7 ms more. All are in one folder of `dist`, as deep as the sources: code asks where it is.
export default {
  input: 'dist/cli/main.js',
  platform: 'node',
  external: ['better-sqlite3'],
  logLevel: 'warn',
  output: {
    dir: 'dist/cli',
    entryFileNames: 'redford.cjs',
    chunkFileNames: 'redford-[name].cjs',
    format: 'cjs',
    minify: true,
  },
}
