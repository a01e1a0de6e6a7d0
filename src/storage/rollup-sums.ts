/**
 * Sums over everything since a moment, exact to the millisecond: whole days, hours and five
 * minutes from the history; what is left at the beginning, minutes as a rule, from the ledger.
 */
import type { Grouping } from '../core/ports/request-log.ts'
import { type Cut, cutFor, type Dimension, endOf, type Fact, SIZES } from '../core/rollup.ts'
import { addFactSums, addSums, type GrowingSums, newSums, type Sums } from '../core/tally.ts'
import { type Millis, toMillis } from '../core/time.ts'
import { type Database, textOf } from './database.ts'
import { LEDGER_SUMS } from './ledger-sums.ts'
import { readNames } from './present-names.ts'
import { COLUMN_OF, SUM_COLUMNS, toSums } from './rollup-cells.ts'
import type { Rollups } from './rollups.ts'

export interface History {
  readonly database: Database
  readonly rollups: Rollups
}

export async function sumHistory(history: History, since: Millis | undefined): Promise<Sums> {
  const total = newSums()
  const { sums } = await sumsByValue(history, 'outcome', since)
  for (const each of sums.values()) addSums(total, each)
  return total
}

export async function sumHistoryBy(
  history: History,
  grouping: Grouping,
  since: Millis | undefined,
): Promise<readonly (Sums & { readonly name: string | undefined })[]> {
  const { sums, tail } = await sumsByValue(history, grouping, since)
  const names = await readNames(history.database, tail)
  return [...sums]
    .map(([value, each]) => ({ ...each, name: names(grouping, value) }))
    .sort((one, other) => other.requests - one.requests)
}

type Summed = 'account' | 'model' | 'key' | 'outcome'

async function sumsByValue(
  history: History,
  dimension: Summed,
  since: Millis | undefined,
): Promise<{ readonly sums: ReadonlyMap<string, Sums>; readonly tail: readonly Fact[] }> {
  const cut = cutFor([dimension])
  const bounds = await boundsOf(history, since)
  const { found, tail } = await history.rollups.withTail(cut, () =>
    readSums(history, { cut, dimension, bounds }),
  )
  for (const fact of tail) {
    if (fact.at < bounds.minutes) continue
    const sums = found.get(fact[dimension]) ?? newSums()
    addFactSums(sums, fact)
    found.set(fact[dimension], sums)
  }
  return { sums: found, tail }
}

/** From where each size counts, to where the next one does; before the minutes the ledger. */
interface Bounds {
  readonly ledger: Millis
  readonly minutes: Millis
  readonly hours: Millis
  readonly days: Millis
}

const BEGINNING = toMillis(Number.MIN_SAFE_INTEGER)

/** Where the finer sums are gone the ledger, as far as it goes back, tells what is left of the hour or the day. */
async function boundsOf({ rollups }: History, since: Millis | undefined): Promise<Bounds> {
  if (since === undefined) return { ledger: BEGINNING, minutes: BEGINNING, hours: BEGINNING, days: BEGINNING }
  const hasMinutes = since >= ((await rollups.keptSince(SIZES.fiveMinutes)) ?? BEGINNING)
  const hasHours = since >= ((await rollups.keptSince(SIZES.hour)) ?? BEGINNING)
  const days = endOf(since, SIZES.day)
  const hours = hasHours ? endOf(since, SIZES.hour) : days
  const minutes = hasMinutes ? endOf(since, SIZES.fiveMinutes) : hours
  return { ledger: since, minutes, hours, days }
}

async function readSums(
  { database }: History,
  { cut, dimension, bounds }: { readonly cut: Cut; readonly dimension: Summed; readonly bounds: Bounds },
): Promise<Map<string, GrowingSums>> {
  const { ledger, minutes, hours, days } = bounds
  const rows = await database.read(SEARCHES[dimension], [
    ...[ledger, minutes, cut.name, SIZES.fiveMinutes, hours, SIZES.hour, days, SIZES.day],
  ])
  return new Map(rows.map((row) => [textOf(row, 'name'), { ...toSums(row) }]))
}

const LEDGER_COLUMN: Readonly<Record<Summed, string>> = {
  account: 'account_id',
  model: 'served_model',
  key: 'key_id',
  outcome: 'outcome',
}

function searchBy(dimension: Summed & Dimension): string {
  const cells = (condition: string): string =>
    `select ${COLUMN_OF[dimension]} as name, ${SUM_COLUMNS.join(', ')} from rollups where cut = $3 and ${condition}`
  return `select name, ${SUM_COLUMNS.map((column) => `sum(${column}) as ${column}`).join(', ')} from (
    select coalesce(${LEDGER_COLUMN[dimension]}, '') as name, ${LEDGER_SUMS} from requests
      where started_at >= $1 and started_at < $2 group by 1
    union all ${cells('size = $4 and starts_at >= $2 and starts_at < $5')}
    union all ${cells('size = $6 and starts_at >= $5 and starts_at < $7')}
    union all ${cells('size = $8 and starts_at >= $7')}
  ) parts group by name`
}

const SEARCHES: Readonly<Record<Summed, string>> = {
  account: searchBy('account'),
  model: searchBy('model'),
  key: searchBy('key'),
  outcome: searchBy('outcome'),
}
