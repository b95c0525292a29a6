// The command line as one file: loading sixty small ones takes Node longer than most builds with nothing to do. Not as an
// ES module: Node's loader for these takes 7 ms more.
export default {
  input: 'dist/cli/main.js',
  platform: 'node',
  external: ['better-sqlite3'],
  logLevel: 'warn',
  output: { file: 'dist/cli/redford.cjs', format: 'cjs', minify: true },
}
