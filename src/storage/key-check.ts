/**
 * Whether the secret key at hand is the one that this database's credentials were sealed
 * with: a known text, sealed once, must open. Nothing is overwritten when it does not.
 */
import { toSealedSecret } from '../core/account.ts'
import { GatewayError } from '../core/error.ts'
import type { SecretBox } from '../core/ports/secrets.ts'
import type { Database } from './database.ts'
import { readMeta, writeMeta } from './settings.ts'

const NAME = 'secret-key-check'
const TEXT = 'spillway'

/** Whether nothing has been sealed here yet, so that a new key may be made. */
export const isUnsealed = async (database: Database): Promise<boolean> =>
  (await readMeta(database, NAME)) === undefined

/** Throws GatewayError `unavailable` naming the key's place and the database. */
export async function assertKey(database: Database, box: SecretBox, keyPlace: string): Promise<void> {
  const sealed = await readMeta(database, NAME)
  if (sealed === undefined) return writeMeta(database, NAME, box.seal('key-check', NAME, TEXT))
  try {
    box.open('key-check', NAME, toSealedSecret(sealed))
  } catch (cause) {
    throw new GatewayError(
      'unavailable',
      `The secret key in ${keyPlace} is not the one that the credentials in ${database.place} were sealed with. ` +
        'Put the right key back; nothing was changed.',
      { cause },
    )
  }
}
