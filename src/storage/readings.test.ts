/** Readings of windows over time: given back as they were, thinned the same whenever that is done, gone after 90 days. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { databases, type TestDatabase } from '../../test/support/databases.ts'
import { openLedger } from '../../test/support/ledgers.ts'
import { idOf, NOON } from '../../test/support/samples.ts'
import type { Window } from '../core/limits.ts'
import type { ReadingStore } from '../core/ports/stores.ts'
import { DAY, HOUR, later, MINUTE, type Millis, toMillis } from '../core/time.ts'
import type { Database } from './database.ts'
import { createReadings } from './readings.ts'
import type { Upkeep } from './upkeep.ts'

const A = idOf('a')
const B = idOf('b')
const QUARTER = 15 * MINUTE
/** No round time, as clocks have it. */
const NOW = later(NOON, 37 * MINUTE + 12_345)

describe.each(await databases())('readings on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('are given back as they were, oldest first, and outlive a restart', async () => {
    const { readings, ledger } = await open(its)
    const whole: Window = {
      name: '5h',
      utilization: 0.42,
      resetsAt: later(NOON, HOUR),
      status: 'allowed',
      readAt: NOON,
    }
    readings.add(A, [{ name: '7d', utilization: 1.13, readAt: later(NOON, 1) }, whole])
    const expected = [
      {
        account: A,
        window: '5h',
        at: NOON,
        utilization: 0.42,
        resetsAt: later(NOON, HOUR),
        status: 'allowed',
      },
      {
        account: A,
        window: '7d',
        at: later(NOON, 1),
        utilization: 1.13,
        resetsAt: undefined,
        status: undefined,
      },
    ]
    expect(await all(readings)).toEqual(expected)
    await ledger.close()
    expect(await all((await open(its)).readings)).toEqual(expected)
  })

  it('of one moment are one reading', async () => {
    const { readings, ledger } = await open(its)
    readings.add(A, [reading('5h', NOON, 0.1)])
    await ledger.settled()
    readings.add(A, [reading('5h', NOON, 0.2)])
    expect(await all(readings)).toHaveLength(1)
  })

  it('are found by account, window, time and number', async () => {
    const { readings } = await open(its)
    for (const account of [A, B])
      for (const name of ['5h', '7d'])
        for (let hour = 0; hour < 4; hour++) readings.add(account, [reading(name, later(NOON, hour * HOUR))])
    const count = async (query: Partial<Parameters<ReadingStore['list']>[0]>): Promise<number> =>
      (await readings.list({ since: NOON, until: later(NOON, DAY), limit: 100, ...query })).length
    expect(await count({})).toBe(16)
    expect(await count({ account: A })).toBe(8)
    expect(await count({ window: '7d' })).toBe(8)
    expect(await count({ account: B, window: '5h' })).toBe(4)
    expect(
      await count({ account: B, window: '5h', since: later(NOON, HOUR), until: later(NOON, 2 * HOUR) }),
    ).toBe(2)
    expect(await count({ limit: 3 })).toBe(3)
    expect(await count({ account: idOf('nobody') })).toBe(0)
  })

  describe('thinned', () => {
    it('stay whole for a day', async () => {
      const { readings } = await open(its)
      const times = every(MINUTE, { from: DAY - MINUTE, count: 120 })
      for (const at of times) readings.add(A, [reading('5h', at)])
      await thin(readings, NOW)
      expect(await timesIn(readings)).toEqual(times)
    })

    it('are the last of each quarter of an hour after a day, and of each hour after a week', async () => {
      const { readings } = await open(its)
      const recent = every(MINUTE, { from: 2 * DAY, count: 300 })
      const old = every(5 * MINUTE, { from: 20 * DAY, count: 300 })
      for (const at of [...recent, ...old]) readings.add(A, [reading('5h', at)])
      await thin(readings, NOW)
      expect(await timesIn(readings)).toEqual([...lastOfEach(HOUR, old), ...lastOfEach(QUARTER, recent)])
    })

    it('are none after 90 days', async () => {
      const { readings } = await open(its)
      const times = [later(NOW, -90 * DAY - 1), later(NOW, -90 * DAY), later(NOW, -89 * DAY)]
      for (const at of times) readings.add(A, [reading('5h', at)])
      await thin(readings, NOW)
      expect(await timesIn(readings)).toEqual(times.slice(1))
    })

    it('keep each account’s and each window’s own last', async () => {
      const { readings } = await open(its)
      const start = toMillis(Math.floor((NOW - 3 * DAY) / QUARTER) * QUARTER)
      const at = (minute: number): Millis => later(start, minute * MINUTE)
      readings.add(A, [reading('5h', at(1)), reading('5h', at(3)), reading('7d', at(2))])
      readings.add(B, [reading('5h', at(0)), reading('5h', at(2))])
      await thin(readings, NOW)
      const left = (await all(readings)).map((each) => [each.account, each.window, each.at])
      expect(left).toEqual([
        [A, '7d', at(2)],
        [B, '5h', at(2)],
        [A, '5h', at(3)],
      ])
    })

    it('a second time are the same', async () => {
      const { readings, database, ledger } = await open(its)
      for (const at of every(7 * MINUTE, { from: 10 * DAY, count: 2_000 }))
        readings.add(A, [reading('5h', at)])
      await thin(readings, NOW)
      const once = await timesIn(readings)
      await thin(readings, NOW)
      expect(await timesIn(readings)).toEqual(once)
      await createReadings(database, ledger, ledger.settled).thin(NOW)
      expect(await timesIn(readings)).toEqual(once)
    })

    it('hour by hour while time goes on are the same as all at once', async () => {
      const { readings } = await open(its)
      const times = every(4 * MINUTE, { from: 2 * DAY, count: 720 })
      for (const at of times) readings.add(A, [reading('5h', at)])
      for (let hour = 0; hour <= 20; hour++) await thin(readings, later(NOW, hour * HOUR))
      const end = startOf(later(NOW, 20 * HOUR - DAY), QUARTER)
      const thinned = lastOfEach(
        QUARTER,
        times.filter((at) => at < end),
      )
      expect(await timesIn(readings)).toEqual([...thinned, ...times.filter((at) => at >= end)])
    })

    it('cost little the second time: what was thinned before is not looked at again', async () => {
      const { database, ledger } = await open(its)
      let portions = 0
      const counting = {
        ...database,
        upkeep: sweeping(database, () => portions++),
      }
      const readings = createReadings(counting, ledger, ledger.settled)
      for (const at of every(DAY, { from: 89 * DAY, count: 90 })) readings.add(A, [reading('5h', at)])
      await thin(readings, NOW)
      expect(portions).toBeGreaterThan(80)
      portions = 0
      await readings.thin(later(NOW, HOUR))
      expect(portions).toBeLessThanOrEqual(6)
    })

    it('let others go on in between: no portion is more than a day', async () => {
      const { database, ledger } = await open(its)
      const turns: number[] = []
      let turn = 0
      const timer = setInterval(() => turn++, 0)
      const watched = {
        ...database,
        upkeep: sweeping(database, () => turns.push(turn)),
      }
      const readings = createReadings(watched, ledger, ledger.settled)
      for (const at of every(HOUR, { from: 100 * DAY, count: 480 })) readings.add(A, [reading('5h', at)])
      await thin(readings, NOW)
      clearInterval(timer)
      expect(turns.length).toBeGreaterThan(20)
      expect(new Set(turns).size).toBe(turns.length)
    })

    it('end with the storage', async () => {
      const { database, ledger } = await open(its)
      let portions = 0
      const closing = {
        ...database,
        upkeep: sweeping(database, () => {
          if (++portions === 3) readings.close()
        }),
      }
      const readings = createReadings(closing, ledger, ledger.settled)
      for (const at of every(DAY, { from: 80 * DAY, count: 60 })) readings.add(A, [reading('5h', at)])
      await thin(readings, NOW)
      expect(portions).toBe(3)
    })
  })
})

describe.each(await databases())('thinning on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('leaves exactly the last of each step, whatever was read when', async () => {
    const { readings, database, ledger } = await open(its)
    const ages = fc.array(fc.integer({ min: DAY + HOUR, max: 12 * DAY }), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(ages, async (list) => {
        await database.commit([{ text: 'delete from window_readings', values: [] }], 'normal')
        const times = [...new Set(list.flatMap((age) => [later(NOW, -age), later(NOW, -age + 61_000)]))].sort(
          (a, b) => a - b,
        )
        for (const at of times) readings.add(A, [reading('5h', at)])
        await ledger.settled()
        await createReadings(database, ledger, ledger.settled).thin(NOW)
        const edge = startOf(later(NOW, -7 * DAY), HOUR)
        const old = times.filter((at) => at < edge)
        const recent = times.filter((at) => at >= edge)
        expect(await timesIn(readings)).toEqual([...lastOfEach(HOUR, old), ...lastOfEach(QUARTER, recent)])
      }),
      { numRuns: 12 },
    )
  })
})

const reading = (name: string, readAt: Millis, utilization = 0.5): Window => ({ name, utilization, readAt })

const startOf = (at: Millis, step: number): Millis => toMillis(Math.floor(at / step) * step)

/** Times at a steady pace, oldest first; `from`: how old the oldest is. */
const every = (
  paceMs: number,
  { from, count }: { readonly from: number; readonly count: number },
): readonly Millis[] => Array.from({ length: count }, (_, index) => later(NOW, -from + index * paceMs))

const lastOfEach = (step: number, times: readonly Millis[]): readonly Millis[] =>
  times.filter((at, index) => {
    const next = times[index + 1]
    return next === undefined || startOf(next, step) !== startOf(at, step)
  })

const all = (readings: ReadingStore) =>
  readings.list({ since: toMillis(0), until: later(NOW, 9 * DAY), limit: 10_000 })

const timesIn = async (readings: ReadingStore): Promise<readonly Millis[]> =>
  (await all(readings)).map(({ at }) => at)

/** Tells of every portion before it is done. */
const sweeping = ({ upkeep }: Database, before: () => void): Upkeep => ({
  ...upkeep,
  sweep(portion) {
    before()
    return upkeep.sweep(portion)
  },
})

async function thin(readings: ReadingStore, now: Millis): Promise<void> {
  // Only what has been written can be thinned.
  await all(readings)
  await readings.thin(now)
}

async function open(its: TestDatabase) {
  const database = await its.reopen()
  const ledger = openLedger(database, its.directory)
  return { database, ledger, readings: createReadings(database, ledger, ledger.settled) }
}
