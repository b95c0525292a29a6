// The command line as one file: loading sixty small ones takes Node longer than most builds with nothing to do.
export default {
  input: 'dist/cli/main.js',
  platform: 'node',
  external: ['better-sqlite3'],
  logLevel: 'warn',
  output: { file: 'dist/cli/redford.js', format: 'esm', minify: true },
}
