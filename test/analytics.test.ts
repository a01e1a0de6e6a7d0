/** `GET /api/analytics` on a running gateway: what it counts, how it is asked, how things are called. */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import type { Answer, ClientInput } from '../src/api/contract.ts'
import { DAY, HOUR } from '../src/core/time.ts'
import { openWorld, type World } from './support/world.ts'

let world: World
const now = Date.now()
const ago = (ms: number): string => new Date(now - ms).toISOString()

type HistoryRow = ClientInput<'importRequests'>['body']['requests'][number]
const oldRow = (id: string, startedAt: string, fields: Partial<HistoryRow> = {}): HistoryRow => ({
  id,
  startedAt,
  account: 'a',
  provider: 'anthropic',
  method: 'POST',
  path: '/v1/messages',
  model: 'claude-opus-4-1',
  status: 200,
  isSuccess: true,
  durationMs: 2_000,
  inputTokens: 100,
  outputTokens: 50,
  cacheReadTokens: 300,
  cacheWriteTokens: 100,
  costUsd: 0.5,
  ...fields,
})

beforeAll(async () => {
  world = await openWorld({ accounts: ['a', 'b'] })
  for (let count = 0; count < 3; count++) await (await world.ask()).text()
  await world.rows(3)
  await world.api.importRequests({
    body: {
      source: 'test',
      requests: [
        oldRow('1', ago(3 * HOUR)),
        oldRow('2', ago(3 * HOUR), { account: 'b', status: 529, isSuccess: false, costUsd: null }),
        oldRow('3', ago(20 * DAY), { durationMs: 8_000 }),
      ],
    },
  })
})
afterAll(() => world.stop())

const ask = (query: NonNullable<ClientInput<'analytics'>['query']>): Promise<Answer<'analytics'>> =>
  world.api.analytics({ query })
const requestsIn = (groups: Answer<'analytics'>['groups']): Readonly<Record<string, number>> =>
  Object.fromEntries(groups.map(({ name, requests }) => [name ?? '', requests]))

describe('GET /api/analytics', () => {
  it.each([
    ['1h', '5m', 3],
    ['6h', '5m', 5],
    ['24h', '1h', 5],
    ['7d', '1h', 5],
    ['30d', '1d', 6],
    ['90d', '1d', 6],
  ] as const)(
    'counts the last %s, in buckets of %s that follow each other',
    async (range, bucket, requests) => {
      const answer = await ask({ range })
      expect([answer.bucket, answer.totals.requests]).toEqual([bucket, requests])
      const lengthMs = { '5m': HOUR / 12, '1h': HOUR, '1d': DAY }[bucket]
      const begins = answer.series.map(({ startsAt }) => Date.parse(startsAt))
      expect(begins[0]).toBe(Date.parse(answer.from))
      expect((begins.at(-1) ?? 0) + lengthMs).toBe(Date.parse(answer.to))
      expect(begins.slice(1).every((at, index) => at - (begins[index] ?? 0) === lengthMs)).toBe(true)
      expect(answer.series.reduce((sum, each) => sum + each.requests, 0)).toBe(requests)
    },
  )

  it('says how well, how fast and how warm requests were served', async () => {
    const { totals } = await ask({ range: '30d', model: 'claude-opus-4-1', status: 'ok' })
    expect(totals).toMatchObject({
      requests: 2,
      successRate: 1,
      costUsd: 1,
      unpriced: 0,
      cacheHitRatio: 0.6,
      tokensPerSecond: 10,
      ttftMs: null,
    })
    expect(totals.latencyMs?.p50).toBeGreaterThan(1_910)
    expect(totals.latencyMs?.p50).toBeLessThan(2_090)
    expect(totals.latencyMs?.p99).toBeGreaterThan(7_640)
    const failed = await ask({ range: '7d', account: 'b', status: 'upstream-error' })
    expect(failed.totals).toMatchObject({ requests: 1, successRate: 0, unpriced: 1 })
  })

  it('has no rates and no times of what did not happen', async () => {
    const { totals, groups } = await ask({ range: '1h', model: 'nobody-asked', groupBy: 'account' })
    expect(totals).toMatchObject({ requests: 0, successRate: null, latencyMs: null, cacheHitRatio: null })
    expect(groups).toEqual([])
  })

  it.each([
    ['account', ['a', 'b']],
    ['model', ['claude-opus-4-1', 'claude-sonnet-5-5']],
    ['key', ['']],
    ['agent', ['']],
    ['status', ['ok', 'upstream-error']],
  ] as const)('groups by %s', async (groupBy, names) => {
    const { groups, series } = await ask({ range: '24h', groupBy })
    expect(groups.map(({ name }) => name ?? '').sort()).toEqual([...names])
    expect(groups.reduce((sum, { requests }) => sum + requests, 0)).toBe(5)
    expect(series.flatMap((each) => each.groups).reduce((sum, { requests }) => sum + requests, 0)).toBe(5)
  })

  it('calls accounts as they are called now, and finds them so', async () => {
    await world.api.changeAccount({ params: { id: 'b' }, body: { name: 'renamed' } })
    const { groups } = await ask({ range: '24h', groupBy: 'account' })
    expect(requestsIn(groups)).toHaveProperty('renamed')
    expect((await ask({ range: '24h', account: 'renamed' })).totals.requests).toBeGreaterThan(0)
    await world.api.changeAccount({ params: { id: 'renamed' }, body: { name: 'b' } })
  })

  it('takes a span of its own, and buckets as they are wanted', async () => {
    const answer = await ask({ from: ago(21 * DAY), to: ago(19 * DAY), bucket: '1h' })
    expect([answer.bucket, answer.totals.requests, answer.series.length]).toEqual(['1h', 1, 49])
    // Five minutes of three weeks ago are kept no longer, or would be too many.
    expect((await ask({ from: ago(21 * DAY), bucket: '5m' })).bucket).toBe('1d')
    // Of sessions there are hours.
    expect((await ask({ range: '1h', groupBy: 'session' })).bucket).toBe('1h')
  })

  it.each([
    ['range=1h&from=2h', /A range ends now/],
    ['from=1h&to=2h', /must be before/],
    ['from=2020-01-01', /three years/],
    ['groupBy=colour', /groupBy/],
    ['range=2h', /range/],
    ['colour=red', /colour/],
    ['from=yesterday', /neither a time/],
  ])('refuses %s with a sentence', async (query, words) => {
    const answer = await world.admin(`/api/analytics?${query}`)
    expect(answer.status).toBe(400)
    expect(await answer.text()).toMatch(words)
  })

  it('says after a restart what it said before', async () => {
    const before = await ask({ range: '90d', groupBy: 'model' })
    await world.restart()
    expect(await ask({ range: '90d', groupBy: 'model' })).toEqual(before)
    expect((await world.api.stats({ query: {} })).totals.requests).toBe(6)
  })
})
