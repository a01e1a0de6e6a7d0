/**
 * Readings of windows over time, for charts and forecasts. Everything for a day, then one
 * reading in a quarter of an hour, after a week one in an hour, and nothing after 90 days;
 * thinning goes in small portions and in the background, so that nothing is held up by it.
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
  type Statement,
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
/** Between two portions, so that streams go on. */
const PAUSE_MS = 5

export interface ClosableReadings extends ReadingStore {
  /** Ends a thinning that is under way. */
  close(): void
}

export function createReadings(
  database: Database,
  behind: WriteBehind,
  settled: () => Promise<void>,
): ClosableReadings {
  let thinnedTo: Millis | undefined
  let isClosed = false
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
      const [row = {}] = await database.load('select min(at) as oldest from window_readings')
      const oldest = toMillis(optionalNumber(row, 'oldest') ?? now)
      for (const portion of portionsOf(now, { oldest, thinnedTo })) {
        if (isClosed) return
        await database.upkeep.sweep(portion)
        await Bun.sleep(PAUSE_MS)
      }
      thinnedTo = now
    },
    close() {
      isClosed = true
    },
  }
}

interface Reach {
  readonly oldest: Millis
  /** What was thinned in this run before need not be looked at again, but for the last portion. */
  readonly thinnedTo: Millis | undefined
}

function* portionsOf(now: Millis, { oldest, thinnedTo }: Reach): Generator<Statement> {
  const kept = later(now, -KEPT_MS)
  for (const [, to] of portionsBetween(oldest, kept))
    yield statement('delete from window_readings where at < $1', to)
  for (const { from, to, step } of STEPS) {
    const begin = thinnedTo === undefined ? later(now, -to) : later(thinnedTo, -from - PORTION_MS)
    const first = startOf(toMillis(Math.max(oldest, begin)), WIDEST_STEP)
    for (const portion of portionsBetween(first, startOf(later(now, -from), step)))
      yield thinning(...portion, step)
  }
}

function* portionsBetween(from: Millis, to: Millis): Generator<readonly [Millis, Millis]> {
  for (let at = from; at < to; at = later(at, PORTION_MS)) yield [at, toMillis(Math.min(to, at + PORTION_MS))]
}

/** Where the wider steps end, the narrower begin: nothing between them is left out. */
const WIDEST_STEP = HOUR

/** Portions begin and end with a step: one that was cut in two would keep two. */
const startOf = (at: Millis, step: number): Millis => toMillis(at - (at % step))

/** Of each window's readings in a step only the last stays. */
const thinning = (from: Millis, to: Millis, step: number) =>
  statement(
    `delete from window_readings where at >= $1 and at < $2 and exists (
       select 1 from window_readings later where later.account_id = window_readings.account_id
         and later.window_name = window_readings.window_name and later.at > window_readings.at
         and later.at < (window_readings.at / $3 + 1) * $4)`,
    ...[from, to, step, step],
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
