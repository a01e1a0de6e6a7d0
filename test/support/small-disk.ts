/**
 * A disk that is soon full: a file system in memory of a given size, mounted for one test.
 * Only root may mount, and not in every container.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface SmallDisk {
  readonly path: string
  /** Takes all the room that is left. */
  fill(): void
  /** Gives it back. */
  empty(): void
  remove(): void
}

const run = (...command: readonly string[]): boolean =>
  Bun.spawnSync([...command], { stdio: ['ignore', 'ignore', 'ignore'] }).success

/** Undefined where nothing may be mounted. */
export function mountSmallDisk(megabytes: number): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), 'spillway-small-disk-'))
  const isMounted =
    process.platform === 'linux' && run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path)
  if (!isMounted) {
    rmSync(path, { recursive: true, force: true })
    return undefined
  }
  const filler = join(path, 'filler')
  return {
    path,
    fill() {
      for (const bytes of [1 << 20, 4_096]) {
        try {
          for (;;) writeFileSync(filler, Buffer.alloc(bytes), { flag: 'a' })
        } catch {
          // That was the last of it.
        }
      }
    },
    empty: () => rmSync(filler, { force: true }),
    remove() {
      run('umount', '-l', path)
      rmSync(path, { recursive: true, force: true })
    },
  }
}
