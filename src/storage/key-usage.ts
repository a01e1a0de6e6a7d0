/**
 * What client keys have used, by five minutes and by day: added to in the same commit as the
 * ledger's rows, so that a budget is right after a crash, and still is when the rows have been
 * forgotten. Must not judge.
 */
import { type CalendarPeriod, type CountedUse, countedAt, startOf, usedBy } from '../core/key-use.ts'
import type { LedgerRow } from '../core/ledger.ts'
import type { KeyUsageStore } from '../core/ports/stores.ts'
import { FIVE_HOURS, type Slot, slotStart, type Use } from '../core/sliding-use.ts'
import { DAY, later, type Millis, toMillis } from '../core/time.ts'
import { type Database, numberOf, type Row, type Statement, statement, textOf } from './database.ts'

type Span = '5min' | 'day'

/** How long each is kept: the longest period that is made of it, and some time to look back. */
const KEPT_MS: Readonly<Record<Span, number>> = { '5min': DAY, day: 62 * DAY }

const ADD = `insert into key_usage (span, starts_at, key_id, requests, tokens, cost_usd)
  values ($1, $2, $3, $4, $5, $6)
  on conflict (span, starts_at, key_id) do update set
    requests = key_usage.requests + excluded.requests,
    tokens = key_usage.tokens + excluded.tokens,
    cost_usd = key_usage.cost_usd + excluded.cost_usd`

/** What a batch of rows adds, as statements for their commit. */
export function keyUsageOf(rows: readonly LedgerRow[]): readonly Statement[] {
  const sums = new Map<string, { readonly span: Span; readonly keyId: string; readonly slot: Slot }>()
  for (const row of rows) {
    const { keyId } = row
    const use = usedBy(row)
    if (keyId === undefined || (use.requests === 0 && use.tokens === 0 && use.usd === 0)) continue
    const at = countedAt(row)
    for (const [span, start] of [
      ['5min', slotStart(at, FIVE_HOURS)],
      ['day', startOf('day', at)],
    ] as const) {
      const name = `${span} ${start} ${keyId}`
      const slot = plus(sums.get(name)?.slot ?? { at: start, requests: 0, tokens: 0, usd: 0 }, use)
      sums.set(name, { span, keyId, slot })
    }
  }
  return [...sums.values()].map(({ span, keyId, slot: { at, requests, tokens, usd } }) =>
    statement(ADD, span, at, keyId, requests, tokens, usd),
  )
}

const plus = (slot: Slot, { requests, tokens, usd }: Use): Slot => ({
  at: slot.at,
  requests: slot.requests + requests,
  tokens: slot.tokens + tokens,
  usd: slot.usd + usd,
})

const PERIOD = `select key_id, sum(requests) as requests, sum(tokens) as tokens, sum(cost_usd) as cost_usd
  from key_usage where span = 'day' and starts_at >= $1 and starts_at <= $2 group by key_id`
const SLOTS = `select * from key_usage where span = '5min' and starts_at > $1 and starts_at <= $2
  order by starts_at`
const OLDEST =
  'select distinct starts_at from key_usage where span = $1 and starts_at < $2 order by starts_at'

export async function openKeyUsage(database: Database, now: Millis): Promise<KeyUsageStore> {
  return {
    counted: await readCounted(database, now),
    /** One span at a time: nobody waits for long. */
    async forget(present) {
      for (const span of ['5min', 'day'] as const) {
        const old = await database.read(OLDEST, [span, later(present, -KEPT_MS[span])])
        for (const row of old) {
          const text = 'delete from key_usage where span = $1 and starts_at = $2'
          await database.commit([statement(text, span, numberOf(row, 'starts_at'))], 'normal')
        }
      }
    },
  }
}

async function readCounted(database: Database, now: Millis): Promise<ReadonlyMap<string, CountedUse>> {
  const uses = new Map<string, CountedUse>()
  for (const period of ['day', 'week', 'month'] as const) {
    const at = startOf(period, now)
    for (const row of await database.load(PERIOD, [at, now])) put(uses, row, period, toSlot(row, at))
  }
  const since = later(now, -FIVE_HOURS.spanMs - FIVE_HOURS.widthMs)
  for (const row of await database.load(SLOTS, [since, now]))
    put(uses, row, 'fiveHours', toSlot(row, toMillis(numberOf(row, 'starts_at'))))
  return uses
}

function put(uses: Map<string, CountedUse>, row: Row, place: CalendarPeriod | 'fiveHours', slot: Slot): void {
  const id = textOf(row, 'key_id')
  const known = uses.get(id) ?? NOTHING
  uses.set(
    id,
    place === 'fiveHours' ? { ...known, fiveHours: [...known.fiveHours, slot] } : { ...known, [place]: slot },
  )
}

const NO_SLOT: Slot = { at: toMillis(0), requests: 0, tokens: 0, usd: 0 }
const NOTHING: CountedUse = { fiveHours: [], day: NO_SLOT, week: NO_SLOT, month: NO_SLOT }

const toSlot = (row: Row, at: Millis): Slot => ({
  at,
  requests: numberOf(row, 'requests'),
  tokens: numberOf(row, 'tokens'),
  usd: numberOf(row, 'cost_usd'),
})
