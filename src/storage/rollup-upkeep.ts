/**
 * The slow work on the history, in small portions: rows that the ledger had before there was a
 * history are brought in oldest first, and finer sums are forgotten when they are past their time.
 */
import { CUTS, factOf, KEPT_MS, SIZES, type Size, startOf } from '../core/rollup.ts'
import { later, type Millis } from '../core/time.ts'
import { type Database, optionalNumber, statement, textOf } from './database.ts'
import { FACT_COLUMNS, toLedgerRow } from './ledger-rows.ts'
import { type Known, keptMark, keptSince, setMark, takeFacts } from './rollup-state.ts'

const OLD_PORTION = 1_000
const OLD_ROWS = `select ${FACT_COLUMNS} from requests where id > $1 and id <= $2 order by id limit $3`
/** Rows and the place reached in one commit; what comes in between is told apart by that place. */
export async function bringInOld(database: Database, state: Known): Promise<boolean> {
  const { old } = state
  if (old === undefined) return false
  const rows = await database.read(OLD_ROWS, [old.at, old.to, OLD_PORTION])
  const facts = rows.map((row) => factOf(toLedgerRow(row)))
  const isLast = rows.length < OLD_PORTION
  const at = rows.length === 0 ? old.at : textOf(rows.at(-1) ?? {}, 'id')
  const { statements, done } = takeFacts(state, facts)
  const place = isLast
    ? statement('delete from rollup_old')
    : statement('update rollup_old set at_id = $1', at)
  await database.commit([...statements, place], 'normal')
  done()
  state.old = isLast ? undefined : { to: old.to, at }
  return !isLast
}

/** As much as a commit may take without holding anybody up. */
const TRIMMED_AT_ONCE = 12

export async function trim(database: Database, state: Known, now: Millis): Promise<boolean> {
  let isMore = false
  for (const size of [SIZES.fiveMinutes, SIZES.hour] as const) {
    const since = startOf(later(now, -KEPT_MS[size]), SIZES.day)
    const known = keptSince(state, size)
    if (known === undefined || known < since) {
      await database.commit([setMark(keptMark(size), since)], 'normal')
      state.marks.set(keptMark(size), since)
    }
    for (const { name } of CUTS)
      if (await trimCut(database, { name, size, since: keptSince(state, size) ?? since })) isMore = true
  }
  return isMore
}

async function trimCut(
  database: Database,
  { name, size, since }: { readonly name: string; readonly size: Size; readonly since: Millis },
): Promise<boolean> {
  const oldest = 'select min(starts_at) as first from rollups where cut = $1 and size = $2'
  const [row = {}] = await database.load(oldest, [name, size])
  const first = optionalNumber(row, 'first') ?? since
  if (first >= since) return false
  const until = Math.min(since, first + TRIMMED_AT_ONCE * size)
  const forget = 'delete from rollups where cut = $1 and size = $2 and starts_at < $3'
  await database.commit([statement(forget, name, size, until)], 'normal')
  return until < since
}
