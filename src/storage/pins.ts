/**
 * Sessions that the operator has pinned to an account. In memory for the request path,
 * written through; bounded, because a pin is set by hand and stays until it is taken back.
 */
import { type AccountId, toAccountId } from '../core/account.ts'
import { GatewayError } from '../core/error.ts'
import type { PinStore } from '../core/ports/stores.ts'
import { type Database, type Statement, statement, textOf, toUserError } from './database.ts'

const MOST_PINS = 10_000

const UPSERT = `insert into session_pins (session, account_id, pinned_at) values ($1, $2, $3)
  on conflict (session) do update set account_id = excluded.account_id, pinned_at = excluded.pinned_at`

export async function openPins(database: Database): Promise<PinStore> {
  const rows = await database.load('select session, account_id from session_pins')
  const pins = new Map<string, AccountId>(
    rows.map((row) => [textOf(row, 'session'), toAccountId(textOf(row, 'account_id'))]),
  )
  const commit = async (change: Statement): Promise<void> => {
    try {
      await database.commit([change], 'full')
    } catch (error) {
      throw toUserError(error, 'The pin was changed by somebody else at the same time.')
    }
  }
  return {
    of: (session) => pins.get(session),
    async put(session, account, now) {
      if (!pins.has(session) && pins.size >= MOST_PINS) {
        throw new GatewayError(
          'conflict',
          `There are ${MOST_PINS} pinned sessions already, and no more can be. Unpin some first.`,
        )
      }
      await commit(statement(UPSERT, session, account, now))
      pins.set(session, account)
    },
    async remove(session) {
      await commit(statement('delete from session_pins where session = $1', session))
      return pins.delete(session)
    },
  }
}
