/** Paces for routing: every minute, for every account, from what was read in the last hours. */
import { describe, expect, it } from 'bun:test'
import { idOf, memoryLog, NOON, sampleAccount } from '../../test/support/samples.ts'
import { calm, tickingClock } from '../../test/support/ticking-clock.ts'
import type { ReadingQuery, StoredReading } from '../core/ports/stores.ts'
import { HOUR, later, MINUTE, SECOND } from '../core/time.ts'
import { createPacer } from './pacer.ts'

describe('the pacer', () => {
  it('tells each account’s paces at once, and again every minute', async () => {
    const { pacer, told, clock } = open()
    const stop = pacer.start()
    await calm()
    expect(told.map(({ id }) => id)).toEqual([idOf('a'), idOf('idle')])
    expect(told[0]?.paces.get('5h')).toBeCloseTo(0.1)
    expect(told[1]?.paces.size).toBe(0)
    await clock.advance(59 * SECOND)
    expect(told).toHaveLength(2)
    await clock.advance(SECOND)
    expect(told).toHaveLength(4)
    stop()
  })

  it('goes as often as it is told to', async () => {
    const { pacer, told, clock } = open({ everyMs: SECOND })
    const stop = pacer.start()
    await clock.advance(10 * SECOND)
    stop()
    expect(told).toHaveLength(22)
  })

  it('is over when it is ended, also amid reading', async () => {
    const { pacer, told, clock, log } = open()
    pacer.start()()
    await clock.advance(10 * MINUTE)
    expect([told.length, clock.timers, log.lines]).toEqual([2, 0, []])
  })

  it('reads the last hours and no more', async () => {
    const { pacer, queries } = open()
    await pacer.pace()
    expect(queries).toEqual([{ since: later(NOON, -4 * HOUR), until: NOON, limit: expect.any(Number) }])
  })

  it('says when it could not read, tells nothing, and tries again', async () => {
    const { pacer, told, clock, log, failures } = open()
    failures.count = 1
    const stop = pacer.start()
    await calm()
    expect([told.length, log.lines]).toEqual([0, ['error The pace of the accounts could not be reckoned.']])
    await clock.advance(MINUTE)
    stop()
    expect(told).toHaveLength(2)
  })
})

function open({ everyMs }: { readonly everyMs?: number } = {}) {
  const clock = tickingClock()
  const log = memoryLog()
  const told: { readonly id: string; readonly paces: ReadonlyMap<string, number> }[] = []
  const queries: ReadingQuery[] = []
  const failures = { count: 0 }
  const pacer = createPacer({
    clock,
    log,
    accounts: { all: () => [sampleAccount('a'), sampleAccount('idle')] },
    readings: {
      async list(query) {
        queries.push(query)
        if (failures.count-- > 0) throw new Error('The database is away.')
        return READINGS
      },
    },
    paced: (id, paces) => void told.push({ id, paces }),
    ...(everyMs === undefined ? {} : { everyMs }),
  })
  return { pacer, clock, log, told, queries, failures }
}

/** A tenth of the window in each hour up to noon. */
const READINGS: readonly StoredReading[] = Array.from({ length: 25 }, (_, index) => ({
  account: idOf('a'),
  window: '5h',
  at: later(NOON, (index - 24) * 10 * MINUTE),
  utilization: index / 60,
  resetsAt: later(NOON, HOUR),
  status: 'allowed',
}))
