import { defineConfig } from 'vitest/config'

/**
 * Tests run the compiled engine where they start the real `redo`, so `dist` is made fresh once before them.
 * Forks, not threads: tests change the working folder, the umask and the environment.
 * All cores: much of the time is spent waiting for other processes.
 * One limit for all: the acceptance tests start compilers and daemons and may take a minute on a busy machine.
 */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    pool: 'forks',
    maxWorkers: '100%',
    setupFiles: ['test/support/tables.ts', 'test/support/seed.ts'],
    globalSetup: ['test/support/fresh-dist.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
  },
})
