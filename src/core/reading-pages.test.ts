/** A whole history, whatever the size of the pages. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { idOf, NOON } from '../../test/support/samples.ts'
import type { ReadingQuery, StoredReading } from './ports/stores.ts'
import { readAll } from './reading-pages.ts'
import { later } from './time.ts'

describe('reading a whole history', () => {
  it('leaves nothing out and reads nothing twice, also where a page ends amid one moment', async () => {
    const moments = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(moments, fc.integer({ min: 1, max: 10 }), async (list, page) => {
        const stored = list.map((at, index) => reading(at, index)).toSorted((a, b) => a.at - b.at)
        expect(await readAll(storeOf(stored), { since: NOON, until: later(NOON, 12) }, page)).toEqual(stored)
      }),
    )
  })

  it('asks once where all fits on one page', async () => {
    const store = storeOf([reading(1, 1), reading(2, 2)])
    await readAll(store, { since: NOON, until: later(NOON, 12) }, 3)
    expect(store.queries).toHaveLength(1)
  })

  it('asks for what was asked', async () => {
    const store = storeOf([reading(1, 1), reading(2, 2), reading(3, 3)])
    await readAll(store, { account: idOf('a'), since: NOON, until: later(NOON, 12) }, 2)
    expect(store.queries.map(({ account }) => account)).toEqual([idOf('a'), idOf('a'), idOf('a')])
  })
})

/** Behaves as the stored one: oldest first, no more than the limit. */
function storeOf(stored: readonly StoredReading[]) {
  const queries: ReadingQuery[] = []
  return {
    queries,
    async list(query: ReadingQuery) {
      queries.push(query)
      if (queries.length > 1_000) throw new Error('It asks for ever.')
      return stored.filter(({ at }) => at >= query.since && at <= query.until).slice(0, query.limit)
    },
  }
}

const reading = (at: number, number: number): StoredReading => ({
  account: idOf('a'),
  window: `w${number}`,
  at: later(NOON, at),
  utilization: 0.5,
  resetsAt: undefined,
  status: undefined,
})
