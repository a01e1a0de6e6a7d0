/** When what is forgotten: by the settings, soon after they change, and by a clock that is believed. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeOld, openStores } from '../../test/support/old-databases.ts'
import { idOf, memoryLog, NOON, sampleRow } from '../../test/support/samples.ts'
import { type TickingClock, tickingClock } from '../../test/support/ticking-clock.ts'
import { eventually } from '../../test/support/world.ts'
import { DAY, HOUR, later, MINUTE, type Millis, SECOND } from '../core/time.ts'
import { LATEST } from '../storage/migrations.ts'
import { openSqlite } from '../storage/sqlite.ts'
import type { Storage } from '../storage/storage.ts'
import type { ConfigService } from './config-service.ts'
import { createProblems, type Problems } from './problems.ts'
import { startRetention } from './retention.ts'

const YEAR = 365 * DAY

let directory: string
let storage: Storage
let clock: TickingClock
let problems: Problems
let log: ReturnType<typeof memoryLog>
let wish: { requestRetentionDays: number; databaseMaxBytes: number; sessionDurationMs: number }
let stop: () => void
/** The time that payloads, and the history, were last told to be deleted by. */
let deletedBy: readonly Millis[] = []

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-retention-'))
  const database = openSqlite(join(directory, 'spillway.db'))
  await makeOld(database, LATEST)
  storage = await openStores(database, directory)
  wish = { requestRetentionDays: 90, databaseMaxBytes: 0, sessionDurationMs: HOUR }
  begin(tickingClock())
})
afterEach(async () => {
  stop()
  await storage.close()
  rmSync(directory, { recursive: true, force: true })
})

/** As a process that starts at that time. */
function begin(at: TickingClock): void {
  clock = at
  deletedBy = []
  problems = createProblems()
  log = memoryLog()
  const config = { settings: () => wish } as unknown as ConfigService
  const note = (now: Millis): void => {
    deletedBy = [...deletedBy, now]
  }
  const payloads = { trim: async (now: Millis) => note(now) }
  const { trimHistory } = storage.ledger
  Object.assign(storage.ledger, {
    trimHistory(now: Millis) {
      note(now)
      return trimHistory(now)
    },
  })
  stop = startRetention({ storage, payloads, config, log, problems }, clock)
}

/** Rows that began so long before noon. */
async function book(...ages: readonly number[]): Promise<void> {
  for (const age of ages)
    storage.ledger.append(sampleRow(1, { id: Bun.randomUUIDv7(), startedAt: later(NOON, -age) }))
  await storage.ledger.settled()
}

const rows = async (): Promise<number> => (await storage.requests.list({ limit: 100 })).length

/** Passes so much time, and waits until the look that it brought about is over. */
async function pass(ms: number): Promise<void> {
  await clock.advance(ms)
  await eventually(() => clock.timers > 0 || undefined, 'the next look to be planned')
}

describe('retention', () => {
  it('begins a minute after the start, and comes round every hour', async () => {
    await book(91 * DAY, MINUTE)
    await pass(50 * SECOND)
    expect(await rows()).toBe(2)
    await pass(10 * SECOND)
    expect(await rows()).toBe(1)
    expect(log.lines).toEqual(['info 1 ledger rows older than 90 days were forgotten.'])
    await book(91 * DAY)
    await pass(50 * MINUTE)
    expect(await rows()).toBe(2)
    await pass(10 * MINUTE)
    expect(await rows()).toBe(1)
  })

  it('comes at once when its settings are changed, and keeps all for ever when it is told to', async () => {
    await book(91 * DAY, 40 * DAY, 3 * DAY)
    wish = { ...wish, requestRetentionDays: 0 }
    await pass(2 * HOUR)
    expect(await rows()).toBe(3)
    wish = { ...wish, requestRetentionDays: 30 }
    await pass(5 * SECOND)
    expect(await rows()).toBe(1)
  })

  it('keeps the database within its budget, and says so when it cannot', async () => {
    await book(9 * DAY, 8 * DAY, 30 * MINUTE)
    wish = { ...wish, databaseMaxBytes: 1_000 }
    await pass(5 * SECOND)
    expect(await rows()).toBe(1)
    expect(problems.list()).toEqual([expect.stringContaining('larger than databaseMaxBytes allows')])
    wish = { ...wish, databaseMaxBytes: 1_000_000_000 }
    await pass(5 * SECOND)
    expect(problems.list()).toEqual([])
  })

  it('forgets events of accounts and conversations that are over, too', async () => {
    storage.events.add(idOf('gone'), { at: later(NOON, -91 * DAY), kind: 'paused' })
    storage.events.add(idOf('gone'), { at: later(NOON, -89 * DAY), kind: 'paused' })
    await storage.ledger.settled()
    await pass(MINUTE)
    expect(await storage.events.list(idOf('gone'), { limit: 9 })).toHaveLength(1)
  })

  it('says that it could not, and does it an hour later', async () => {
    await book(91 * DAY, MINUTE)
    const { forgetRequests } = storage.retention
    Object.assign(storage.retention, { forgetRequests: () => Promise.reject(new Error('out of luck')) })
    await pass(MINUTE)
    expect(problems.list()).toEqual([expect.stringContaining('could not be deleted')])
    Object.assign(storage.retention, { forgetRequests })
    await pass(HOUR)
    expect(problems.list()).toEqual([])
    expect(await rows()).toBe(1)
  })
})

describe('a clock that jumps', () => {
  it('ten years ahead deletes nothing, is told of within seconds, and is forgotten when it comes back', async () => {
    await book(91 * DAY, 89 * DAY, HOUR)
    await pass(MINUTE)
    expect(await rows()).toBe(2)
    clock.jump(10 * YEAR)
    await pass(5 * SECOND)
    expect(problems.list()).toEqual([expect.stringMatching(/^The clock says 2036-.*3650 days later/)])
    await pass(23 * HOUR)
    expect(await rows()).toBe(2)
    expect(deletedBy.length).toBeGreaterThan(2)
    expect(Math.max(...deletedBy)).toBeLessThan(later(NOON, DAY))
    clock.jump(-10 * YEAR)
    await pass(5 * SECOND)
    expect(problems.list().join()).not.toContain('later than when it was last believed')
    expect(await rows()).toBe(2)
  })

  it('deletes nothing either when the process starts with it, whatever is known of the time before', async () => {
    await book(80 * DAY, HOUR)
    for (let start = 0; start < 3; start++) {
      stop()
      begin(tickingClock(later(NOON, 10 * YEAR + start * HOUR)))
      await pass(2 * MINUTE)
      expect(await rows()).toBe(2)
      expect(problems.list()).toHaveLength(1)
    }
  })

  it('is believed when it has stood for a day', async () => {
    await book(80 * DAY, HOUR)
    await pass(MINUTE)
    clock.jump(YEAR)
    for (let hour = 0; hour < 24; hour++) await pass(HOUR)
    expect(await rows()).toBe(2)
    await pass(2 * HOUR)
    expect(await rows()).toBe(0)
    expect(problems.list()).toEqual([])
  })

  it.each([HOUR, -HOUR])('by %i ms moves what is deleted by no more than that', async (jump) => {
    await book(90 * DAY + 2 * HOUR, 90 * DAY - 2 * HOUR, MINUTE)
    clock.jump(jump)
    await pass(MINUTE)
    expect(await rows()).toBe(2)
  })

  it('back is told of for an hour', async () => {
    clock.jump(-HOUR)
    await pass(5 * SECOND)
    expect(problems.list()).toEqual([expect.stringMatching(/^The clock went back by 60 min/)])
    await pass(61 * MINUTE)
    expect(problems.list()).toEqual([])
  })
})
