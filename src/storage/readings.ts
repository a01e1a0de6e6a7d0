/**
 * Readings of windows over time, for charts and forecasts. Everything for a day, then one
 * reading in a quarter of an hour, after a week one in an hour, and nothing after 90 days;
 * thinning goes in small portions, so that nothing is held up by it.
 */
import { toAccountId } from '../core/account.ts'
import type { ReadingStore, StoredReading } from '../core/ports/stores.ts'
import { DAY, HOUR, later, MINUTE, type Millis, toMillis } from '../core/time.ts'
import {
  type Database,
  numberOf,
  optionalNumber,
  optionalText,
  type Row,
  statement,
  textOf,
  type Value,
} from './database.ts'
import type { WriteBehind } from './write-behind.ts'

const INSERT = `insert into window_readings (account_id, window_name, at, utilization, resets_at, status)
  values ($1, $2, $3, $4, $5, $6) on conflict (account_id, window_name, at) do nothing`
const KEPT_MS = 90 * DAY
/** Readings of that age are kept once in that time, the last one of each. */
const STEPS = [
  { from: DAY, to: 7 * DAY, step: 15 * MINUTE },
  { from: 7 * DAY, to: KEPT_MS, step: HOUR },
] as const
const PORTION_MS = DAY

export function createReadings(
  database: Database,
  behind: WriteBehind,
  settled: () => Promise<void>,
): ReadingStore {
  let thinnedTo: Millis | undefined
  return {
    add(account, windows) {
      for (const { name, readAt, utilization, resetsAt, status } of windows) {
        const values = [account, name, readAt, utilization ?? null, resetsAt ?? null, status ?? null]
        behind.defer(`reading ${account} ${name} ${readAt}`, () => statement(INSERT, ...values))
      }
    },
    async list({ account, window, since, until, limit }) {
      await settled()
      const values: Value[] = [since, until]
      const conditions = ['at >= $1', 'at <= $2']
      const narrow = (column: string, value: Value | undefined): void => {
        if (value === undefined) return
        values.push(value)
        conditions.push(`${column} = $${values.length}`)
      }
      narrow('account_id', account)
      narrow('window_name', window)
      values.push(limit)
      const rows = await database.read(
        `select * from window_readings where ${conditions.join(' and ')} order by at, account_id, window_name limit $${values.length}`,
        values,
      )
      return rows.map(toReading)
    },
    async thin(now) {
      await database.commit(
        [statement('delete from window_readings where at < $1', later(now, -KEPT_MS))],
        'normal',
      )
      for (const { from, to, step } of STEPS) {
        const end = later(now, -from)
        // What was thinned in this run before need not be looked at again, but for the last portion.
        const oldest = thinnedTo === undefined ? later(now, -to) : later(thinnedTo, -from - PORTION_MS)
        for (let at = oldest; at < end; at = later(at, PORTION_MS)) {
          await database.commit([thinning(at, toMillis(Math.min(end, at + PORTION_MS)), step)], 'normal')
        }
      }
      thinnedTo = now
    },
  }
}

/** Of each window's readings in a step only the last stays. */
const thinning = (from: Millis, to: Millis, step: number) =>
  statement(
    `delete from window_readings where at >= $1 and at < $2 and exists (
       select 1 from window_readings later where later.account_id = window_readings.account_id
         and later.window_name = window_readings.window_name and later.at > window_readings.at
         and later.at < $3 and later.at / $4 = window_readings.at / $5)`,
    ...[from, to, to, step, step],
  )

function toReading(row: Row): StoredReading {
  const resetsAt = optionalNumber(row, 'resets_at')
  return {
    account: toAccountId(textOf(row, 'account_id')),
    window: textOf(row, 'window_name'),
    at: toMillis(numberOf(row, 'at')),
    utilization: optionalNumber(row, 'utilization'),
    resetsAt: resetsAt === undefined ? undefined : toMillis(resetsAt),
    status: optionalText(row, 'status'),
  }
}
