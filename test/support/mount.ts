/** Small and read-only disks, mounted where only one command and its children see them. */
import { spawnSync } from 'node:child_process'

export const canMount = (): boolean =>
  spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=64k none /mnt']).status === 0
