/** The live feed: every row to whoever listens, and what was missed to whoever comes back. */
import { describe, expect, it } from 'bun:test'
import { manualClock, rowIdOf, sampleRow } from '../../test/support/samples.ts'
import type { LedgerRow } from '../core/ledger.ts'
import { createFeed } from './feed.ts'

const idsOf = (rows: readonly LedgerRow[]): readonly string[] => rows.map(({ id }) => id)

describe('the feed', () => {
  it('tells everybody who listens of each row, until they stop', () => {
    const feed = createFeed<LedgerRow>(manualClock().elapsed)
    const [first, second]: [LedgerRow[], LedgerRow[]] = [[], []]
    const stop = feed.subscribe(
      (row) => void first.push(row),
      () => {},
    )
    feed.subscribe(
      (row) => void second.push(row),
      () => {},
    )
    feed.push(sampleRow(1))
    stop()
    feed.push(sampleRow(2))
    expect(idsOf(first)).toEqual([rowIdOf(1)])
    expect(idsOf(second)).toEqual([rowIdOf(1), rowIdOf(2)])
  })

  it('has nothing for somebody new', () => {
    const feed = createFeed<LedgerRow>(manualClock().elapsed)
    feed.subscribe(
      () => {},
      () => {},
    )
    feed.push(sampleRow(1))
    expect(feed.since(undefined)).toEqual([])
  })

  it('has for somebody who comes back what was missed, and nothing twice', () => {
    const clock = manualClock()
    const feed = createFeed<LedgerRow>(clock.elapsed)
    const stop = feed.subscribe(
      () => {},
      () => {},
    )
    for (const number of [1, 2]) feed.push(sampleRow(number))
    stop()
    clock.advance(60_000)
    for (const number of [3, 4]) feed.push(sampleRow(number))
    expect(idsOf(feed.since(rowIdOf(2)))).toEqual([rowIdOf(3), rowIdOf(4)])
    expect(feed.since(rowIdOf(4))).toEqual([])
  })

  it('has everything that is remembered for somebody who was away for longer than that', () => {
    const feed = createFeed<LedgerRow>(manualClock().elapsed)
    feed.subscribe(
      () => {},
      () => {},
    )
    for (let number = 0; number < 5_000; number++) feed.push(sampleRow(number))
    const missed = feed.since(rowIdOf(1))
    expect(missed.at(-1)?.id).toBe(rowIdOf(4_999))
    expect(missed.length).toBeGreaterThanOrEqual(500)
    expect(missed.length).toBeLessThanOrEqual(1_000)
  })

  it('keeps nothing when nobody has listened for a while', () => {
    const clock = manualClock()
    const feed = createFeed<LedgerRow>(clock.elapsed)
    const stop = feed.subscribe(
      () => {},
      () => {},
    )
    feed.push(sampleRow(1))
    stop()
    clock.advance(300_001)
    for (let number = 2; number < 100; number++) feed.push(sampleRow(number))
    expect(feed.since('unknown')).toEqual([])
  })

  it('tells whoever listens that it has ended, once, and whoever comes later too', async () => {
    const feed = createFeed<LedgerRow>(manualClock().elapsed)
    const ends: string[] = []
    const stop = feed.subscribe(
      () => {},
      () => void ends.push('left'),
    )
    stop()
    feed.subscribe(
      () => {},
      () => void ends.push('there'),
    )
    feed.end()
    feed.end()
    expect(ends).toEqual(['there'])
    const { promise: late, resolve } = Promise.withResolvers<void>()
    feed.subscribe(() => {}, resolve)
    await late
  })
})
