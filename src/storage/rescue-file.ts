/**
 * A small file for credentials that were renewed while the database took nothing: one sealed
 * entry a line, synced to the disk before anybody is told that it is kept. Must not open a
 * secret.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
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
      const file = openSync(path, 'a', 0o600)
      try {
        writeSync(file, `${JSON.stringify(entry)}\n`)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      return true
    } catch {
      return false
    }
  },
  clear: () => rmSync(path, { force: true }),
})

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
