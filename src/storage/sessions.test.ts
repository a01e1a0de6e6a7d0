/** Sessions: sums that agree with the rows, pages, filters, misses by cause, forgetting, pins. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { openLedger } from '../../test/support/ledgers.ts'
import { idOf, NOON, sampleRow } from '../../test/support/samples.ts'
import type { CacheVerdict } from '../core/cache-miss.ts'
import type { LedgerRow } from '../core/ledger.ts'
import type { SessionLog } from '../core/ports/session-log.ts'
import { HOUR, later, MINUTE } from '../core/time.ts'
import type { Database } from './database.ts'
import { openPins } from './pins.ts'
import { createSessionLog } from './sessions.ts'

describe.each(await databases())('sessions on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  const filled = async (rows: readonly LedgerRow[]): Promise<SessionLog> => {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    for (const row of rows) ledger.append(row)
    await ledger.close()
    return createSessionLog(database, async () => {})
  }

  it('sum up their rows, in whatever batches those come', async () => {
    const database = await its.open()
    const rows = [
      turn(1, 's1'),
      turn(2, 's1', { agent: 'x', agentKind: 'explore' }),
      turn(3, 's1'),
      turn(4, 's2'),
    ]
    for (const row of rows) {
      const ledger = openLedger(database, its.directory)
      ledger.append(row)
      await ledger.close()
    }
    const log = createSessionLog(database, async () => {})
    expect(await log.get('s1')).toMatchObject({
      firstAt: later(NOON, MINUTE),
      usedAt: later(NOON, 3 * MINUTE),
      accountId: idOf('a'),
      account: 'a',
      requests: 3,
      inputTokens: 30,
      outputTokens: 15,
      costUsd: 0.75,
      agents: [
        { agent: undefined, kind: undefined, requests: 2, tokens: 30, costUsd: 0.5 },
        { agent: 'x', kind: 'explore', requests: 1, model: 'claude-sonnet-5-5' },
      ],
    })
    expect(await log.get('s3')).toBeUndefined()
  })

  it('come page by page, last used first, each once, though many were used at one moment', async () => {
    const names = Array.from({ length: 7 }, (_, index) => `s${index}`)
    const log = await filled(names.map((name, index) => turn(1, name, { id: `row-${index}` })))
    const seen: string[] = []
    let before: Parameters<SessionLog['list']>[0]['before']
    for (let page = 0; page < 4; page++) {
      const rows = await log.list({ limit: 2, ...(before === undefined ? {} : { before }) })
      seen.push(...rows.map(({ session }) => session))
      before = rows.at(-1)
    }
    expect(seen).toEqual(names.toReversed())
  })

  it('are found by when they were used, by account, key, kind of agent and agent', async () => {
    const log = await filled([
      turn(1, 'old'),
      turn(10, 'other', { accountId: idOf('b'), account: 'b' }),
      turn(11, 'keyed', { keyId: 'id-k', key: 'k' }),
      turn(12, 'agents', { agent: 'x', agentKind: 'explore' }),
    ])
    const found = async (filter: Omit<Parameters<SessionLog['list']>[0], 'limit'>) =>
      (await log.list({ ...filter, limit: 9 })).map(({ session }) => session)
    expect(await found({ since: later(NOON, 10 * MINUTE) })).toEqual(['agents', 'keyed', 'other'])
    expect(await found({ accountId: idOf('b') })).toEqual(['other'])
    expect(await found({ account: 'b' })).toEqual(['other'])
    expect(await found({ key: 'k' })).toEqual(['keyed'])
    expect(await found({ agent: 'explore' })).toEqual(['agents'])
    expect(await found({ agent: 'x' })).toEqual(['agents'])
    expect(await found({ agent: 'x', account: 'b' })).toEqual([])
  })

  it('count what their caches missed, by cause; and so do all rows together, within a span', async () => {
    const missed = (cause: string, part?: string): CacheVerdict =>
      ({
        kind: 'miss',
        cause,
        ...(part === undefined ? {} : { part }),
        tokens: 1_000,
        usd: 0.5,
      }) as CacheVerdict
    const log = await filled([
      turn(1, 's1', { cache: { kind: 'first' } }),
      turn(2, 's1', { cache: { kind: 'hit' } }),
      turn(3, 's1', { cache: missed('expired') }),
      turn(4, 's1', { cache: missed('changed-prefix', 'message 3') }),
      turn(5, 's1', { cache: missed('changed-prefix', 'message 17') }),
      turn(6, 's2', { cache: missed('changed-prefix', 'tools') }),
      turn(7, 's2', { cache: missed('another-account') }),
    ])
    expect(await log.get('s1')).toMatchObject({
      cacheHits: 1,
      misses: { expired: 1, 'changed-prefix': 2, 'another-account': 0, 'model-changed': 0, unknown: 0 },
      lostTokens: 3_000,
      lostUsd: 1.5,
    })
    const sums = await log.misses(later(NOON, -MINUTE), later(NOON, 7 * MINUTE))
    expect(sums.toSorted((a, b) => `${a.cause}${a.part}`.localeCompare(`${b.cause}${b.part}`))).toEqual([
      { cause: 'changed-prefix', part: 'message', misses: 2, tokens: 2_000, usd: 1 },
      { cause: 'changed-prefix', part: 'tools', misses: 1, tokens: 1_000, usd: 0.5 },
      { cause: 'expired', part: undefined, misses: 1, tokens: 1_000, usd: 0.5 },
    ])
  })

  it('count misses in whole hours and beside them alike, wherever a span begins and ends', async () => {
    const cache = { kind: 'miss', cause: 'expired', tokens: 1_000, usd: 0.5 } as const
    const minutes = [-61, -60, -1, 0, 1, 59, 60, 61, 119, 120, 121, 200]
    const log = await filled(minutes.map((minute) => turn(minute, 's', { id: `row-${minute}`, cache })))
    for (const [from, to] of [
      [-61, 201],
      [-60, 120],
      [-1, 61],
      [1, 2],
      [0, 60],
      [59, 121],
      [130, 190],
    ] as const) {
      const count = minutes.filter((minute) => minute >= from && minute < to).length
      const sums = await log.misses(later(NOON, from * MINUTE), later(NOON, to * MINUTE))
      expect([from, to, sums[0]?.misses ?? 0, sums[0]?.tokens ?? 0]).toEqual([from, to, count, count * 1_000])
    }
  })

  it('show the kinds of agents that were seen, over all sessions', async () => {
    const log = await filled([
      turn(1, 's1', { agent: 'x', agentKind: 'explore' }),
      turn(2, 's2', { agent: 'y', agentKind: 'explore' }),
      turn(3, 's2', { agentKind: 'main', servedModel: 'glm-5' }),
      turn(4, 's2'),
    ])
    expect(await log.seenAgents()).toMatchObject([
      { kind: 'explore', requests: 2, firstAt: later(NOON, MINUTE), usedAt: later(NOON, 2 * MINUTE) },
      { kind: 'main', requests: 1, model: 'claude-sonnet-5-5', servedModel: 'glm-5' },
    ])
  })

  it('are forgotten with their agents when they were last used too long ago', async () => {
    const log = await filled([turn(1, 'old', { agent: 'x', agentKind: 'explore' }), turn(60, 'new')])
    expect(await log.forget(later(NOON, 30 * MINUTE))).toBe(1)
    expect(await log.forget(later(NOON, 30 * MINUTE))).toBe(0)
    expect((await log.list({ limit: 9 })).map(({ session }) => session)).toEqual(['new'])
    expect(await log.seenAgents()).toEqual([])
    expect(await log.misses(NOON, later(NOON, HOUR))).toEqual([])
  })

  it('can be pinned, which outlives a restart, until that is taken back', async () => {
    const pins = await openPins(await its.open())
    await pins.put('s1', idOf('a'), NOON)
    await pins.put('s1', idOf('b'), later(NOON, HOUR))
    const again = await openPins(await its.reopen())
    expect([again.of('s1'), again.of('s2')]).toEqual([idOf('b'), undefined])
    expect([await again.remove('s1'), await again.remove('s1')]).toEqual([true, false])
    expect((await openPins(await its.reopen())).of('s1')).toBeUndefined()
  })

  it('read misses from an index that holds nothing else', async () => {
    const database = await its.open()
    if (database.kind !== 'sqlite') return
    expect(await planOf(database)).toContain('USING COVERING INDEX requests_by_cache_miss')
  })
})

async function planOf(database: Database): Promise<string> {
  const rows = await database.load(
    `explain query plan select cache_cause, cache_part, sum(cache_lost_tokens), sum(cache_lost_usd) from requests
    where cache_cause is not null and started_at >= 0 and started_at < 9 group by cache_cause, cache_part`,
  )
  return rows.map(({ detail }) => String(detail)).join('\n')
}

/** A request of a session, so many minutes after noon. */
const turn = (minute: number, session: string, fields: Parameters<typeof sampleRow>[1] = {}): LedgerRow =>
  sampleRow(minute, { session, startedAt: later(NOON, minute * MINUTE), ...fields })
