/** A world of files and rules, and a play of it: those of the test kit. */
export * from '../../src/testing/files.js'
export * from '../../src/testing/files-play.js'
