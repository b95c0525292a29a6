import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { daemonFlags } from '../../src/redo/daemon-flags.js'

describe('the flags of the daemon', () => {
  test('this Node starts with them', () => {
    const { status, stdout } = spawnSync(process.execPath, [...daemonFlags(process.versions.node), '-p', '1 + 1'], {
      encoding: 'utf8',
    })
    expect([status, stdout]).toEqual([0, '2\n'])
  })

  test('only Node 20 is told when to optimize: later ones do not know the flag', () => {
    const hasBudget = (version: string): boolean =>
      daemonFlags(version).some((flag) => flag.startsWith('--interrupt-budget'))
    expect(hasBudget('20.19.0')).toBe(true)
    expect(hasBudget('22.14.0')).toBe(false)
    expect(hasBudget('200.0.0')).toBe(false)
  })
})
