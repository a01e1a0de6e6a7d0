/** What has happened to accounts: in order, by pages, bounded for each account whoever else is busy. */
import { describe, expect, it } from 'bun:test'
import { databases, type TestDatabase } from '../../test/support/databases.ts'
import { openLedger } from '../../test/support/ledgers.ts'
import { idOf, NOON } from '../../test/support/samples.ts'
import type { AccountEvent } from '../core/event.ts'
import { later, MINUTE } from '../core/time.ts'
import { numberOf } from './database.ts'
import { createEvents } from './events.ts'

const A = idOf('a')
const FULL: AccountEvent = {
  at: NOON,
  kind: 'cooling',
  scope: 'family:opus',
  cause: 'family-spent',
  evidence: 'its 7d_opus window for opus is spent (429) – "said" 組',
  until: later(NOON, MINUTE),
}

describe.each(await databases())('events on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('are given back whole, and bare where they are bare', async () => {
    const { events } = await open(its)
    const bare: AccountEvent = { at: later(NOON, 1), kind: 'paused' }
    events.add(A, FULL)
    events.add(A, bare)
    const [last, first] = await events.list(A, { limit: 10 })
    expect([first, last]).toEqual([
      { id: expect.any(String), ...FULL },
      { id: expect.any(String), ...bare },
    ])
  })

  it('can be read as soon as they have happened, and outlive a restart', async () => {
    const { events, ledger } = await open(its)
    events.add(A, FULL)
    expect(await events.list(A, { limit: 10 })).toHaveLength(1)
    await ledger.close()
    const again = await open(its)
    expect(await again.events.list(A, { limit: 10 })).toMatchObject([FULL])
  })

  it('are one account’s, newest first, also where many happen in one moment', async () => {
    const { events } = await open(its)
    for (let number = 0; number < 50; number++) {
      events.add(A, numbered(number))
      events.add(idOf('b'), numbered(-1))
    }
    const listed = await events.list(A, { limit: 100 })
    expect(listed.map(({ evidence }) => Number(evidence))).toEqual(
      Array.from({ length: 50 }, (_, index) => 49 - index),
    )
    expect(new Set(listed.map(({ id }) => id)).size).toBe(50)
  })

  it('come by pages that neither repeat nor leave out, whatever happens in between', async () => {
    const { events } = await open(its)
    for (let number = 0; number < 25; number++) events.add(A, numbered(number))
    const seen: number[] = []
    let before: string | undefined
    for (;;) {
      const page = await events.list(A, { limit: 10, ...(before === undefined ? {} : { before }) })
      seen.push(...page.map(({ evidence }) => Number(evidence)))
      events.add(A, numbered(100 + seen.length))
      before = page.at(-1)?.id
      if (page.length < 10) break
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => 24 - index))
  })

  it('have nothing to list for who has none, and behind the oldest', async () => {
    const { events } = await open(its)
    events.add(A, FULL)
    const [only] = await events.list(A, { limit: 1 })
    expect(await events.list(A, { limit: 10, before: only?.id ?? '' })).toEqual([])
    expect(await events.list(idOf('nobody'), { limit: 10 })).toEqual([])
  })

  it('are bounded for each account, although another one’s come in between all the time', async () => {
    const { events, ledger, database } = await open(its)
    for (let number = 0; number < 1_500; number++) {
      events.add(A, numbered(number))
      events.add(idOf('b'), numbered(number))
      if (number % 100 === 0) await ledger.settled()
    }
    await ledger.settled()
    for (const name of ['a', 'b']) {
      const count = await countOf(database, name)
      expect(count).toBeGreaterThanOrEqual(1_000)
      expect(count).toBeLessThan(1_100)
    }
    const [newest] = await events.list(A, { limit: 1 })
    expect(newest?.evidence).toBe('1499')
  })

  it('are bounded although no run lasts long', async () => {
    const { events, ledger, database } = await open(its)
    for (let number = 0; number < 1_200; number++) events.add(A, numbered(number))
    await ledger.settled()
    const short = createEvents(database, ledger, { newId: () => Bun.randomUUIDv7(), settled: ledger.settled })
    short.add(A, numbered(1_200))
    await ledger.settled()
    expect(await countOf(database, 'a')).toBe(1_000)
  })
})

const numbered = (number: number): AccountEvent => ({ at: NOON, kind: 'cooling', evidence: String(number) })

async function countOf(database: Awaited<ReturnType<TestDatabase['open']>>, name: string): Promise<number> {
  const [row = {}] = await database.load(
    'select count(*) as count from account_events where account_id = $1',
    [idOf(name)],
  )
  return numberOf(row, 'count')
}

async function open(its: TestDatabase) {
  const database = await its.reopen()
  const ledger = openLedger(database, its.directory)
  const events = createEvents(database, ledger, { newId: () => Bun.randomUUIDv7(), settled: ledger.settled })
  return { database, ledger, events }
}
