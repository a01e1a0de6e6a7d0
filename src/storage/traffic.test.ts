/** The ledger in slices of five minutes says what was counted as it was booked. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { openLedger } from '../../test/support/ledgers.ts'
import { idOf, NOON, sampleRow } from '../../test/support/samples.ts'
import type { LedgerRow, Outcome } from '../core/ledger.ts'
import { HOUR, later, MINUTE, type Millis } from '../core/time.ts'
import { createTally } from '../telemetry/alerts/tally.ts'
import { createTrafficHistory } from './traffic.ts'

const OUTCOMES: readonly Outcome[] = [
  'ok',
  'client-error',
  'upstream-error',
  'refused',
  'aborted',
  'truncated',
]
const SINCE = NOON
const UNTIL = later(NOON, HOUR)

describe.each(await databases())('traffic on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('is what a tally of the same rows has counted', async () => {
    const rows = Array.from({ length: 300 }, (_, number) => rowOf(number))
    const tally = createTally()
    tally.begin(SINCE, HOUR)
    for (const row of rows) {
      const endedAt = row.startedAt + row.durationMs
      if (endedAt >= SINCE && endedAt < UNTIL) tally.booked(row)
    }
    const found = await slicesOf(rows)
    const counted = tally.slices()
    expect(sorted(found)).toEqual(sorted(counted))
    expect(found.length).toBeGreaterThan(50)
    expect(found.reduce((sum, { failed }) => sum + failed, 0)).toBeGreaterThan(50)
  })

  it('counts a request when it ended, also one that began long before', async () => {
    const long = sampleRow(1, { startedAt: later(NOON, -HOUR), durationMs: HOUR + 7 * MINUTE })
    expect(await slicesOf([long])).toMatchObject([{ at: later(NOON, 5 * MINUTE), requests: 1, failed: 0 }])
  })

  it('leaves out what ended before and after', async () => {
    const rows = [ending(1, SINCE - 1), ending(2, SINCE), ending(3, UNTIL - 1), ending(4, UNTIL)]
    const found = await slicesOf(rows)
    expect(found.map(({ at }) => at)).toEqual([SINCE, later(UNTIL, -5 * MINUTE)])
  })

  async function slicesOf(rows: readonly LedgerRow[]) {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    for (const row of rows) ledger.append(row)
    return createTrafficHistory(database, ledger.settled).slices(SINCE, UNTIL)
  }
})

const rowOf = (number: number): LedgerRow =>
  sampleRow(number, {
    startedAt: later(NOON, -10 * MINUTE + number * 17_000),
    durationMs: (number % 7) * 20_000,
    accountId: number % 5 === 0 ? undefined : idOf(number % 2 === 0 ? 'a' : 'b'),
    keyId: number % 3 === 0 ? 'key' : undefined,
    servedModel: number % 4 === 0 ? undefined : 'claude-sonnet-5-5',
    outcome: OUTCOMES[number % OUTCOMES.length] ?? 'ok',
    costUsd: number % 6 === 0 ? undefined : 0.25,
    usage: { cacheReadTokens: number, cacheWrite1hTokens: 3 },
  })

const ending = (number: number, endedAt: number): LedgerRow =>
  sampleRow(number, { startedAt: later(endedAt as Millis, -1_000), durationMs: 1_000 })

const sorted = <T extends object>(all: readonly T[]): readonly string[] =>
  all.map((each) => JSON.stringify(Object.entries(each).sort())).sort()
