/**
 * A small file for credentials that were renewed while the database took nothing: one sealed
 * entry a line, synced to the disk before anybody is told that it is kept. Must not open a
 * secret.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { type AccountId, toAccountId, toSealedSecret } from '../core/account.ts'
import type { Credential } from '../core/ports/stores.ts'
import { toMillis } from '../core/time.ts'

export interface Rescued {
  readonly id: AccountId
  /** Of the credential that this one takes the place of. */
  readonly version: number
  readonly credential: Credential
}

export interface RescueFile {
  /** Oldest first; a line that was not written whole is none. */
  all(): readonly Rescued[]
  /** False when it could not be kept. */
  keep(entry: Rescued): boolean
  clear(): void
}

export const openRescueFile = (path: string): RescueFile => ({
  all: () => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').flatMap(parse) : []),
  keep(entry) {
    try {
      const isNew = !existsSync(path)
      const file = openSync(path, 'a', 0o600)
      try {
        const { size } = fstatSync(file)
        // An earlier line may have been cut off, and must not swallow this one.
        const line = Buffer.from(`\n${JSON.stringify(entry)}\n`)
        if (writeSync(file, line) < line.length) {
          ftruncateSync(file, size)
          return false
        }
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      if (isNew) syncDirectory(dirname(path))
      return true
    } catch {
      return false
    }
  },
  clear: () => rmSync(path, { force: true }),
})

/** After a power cut a new file is there for sure only when its directory was synced as well. */
function syncDirectory(path: string): void {
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/** This program wrote the lines itself; the last one may have been cut off. */
function parse(line: string): readonly Rescued[] {
  try {
    const { id, version, credential } = JSON.parse(line)
    const { secret, refreshSecret, tokenExpiresAt } = credential
    return [
      {
        id: toAccountId(String(id)),
        version: Number(version),
        credential: {
          secret: toSealedSecret(String(secret)),
          refreshSecret: refreshSecret === undefined ? undefined : toSealedSecret(String(refreshSecret)),
          tokenExpiresAt: tokenExpiresAt === undefined ? undefined : toMillis(Number(tokenExpiresAt)),
        },
      },
    ]
  } catch {
    return []
  }
}
