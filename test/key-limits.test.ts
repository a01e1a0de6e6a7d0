/**
 * How much a client key may use, over real sockets: every limit has its effect, parallel
 * requests do not get past it, what is counted survives a restart, and a key sees
 * its own page.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import type { ClientInput, Key } from '../src/api/contract.ts'
import * as reply from '../src/simulator/replies.ts'
import type { Received } from '../src/simulator/simulator.ts'
import { eventually, keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

type Rules = Omit<ClientInput<'createKey'>['body'], 'name'>

/** Tokens that one answer of the simulated provider counts, reads from the cache aside. */
const tokensOf = ({ use }: Key): number => use.today.tokens

async function withKey(rules: Rules, name = 'ci'): Promise<Readonly<Record<string, string>>> {
  const { secret } = await world.api.createKey({ body: { name, ...rules } })
  return { 'x-api-key': secret }
}

const show = (id = 'ci'): Promise<Key> => world.api.showKey({ params: { id } })
const limitOf = async (limit: string, id = 'ci') =>
  (await show(id)).use.limits.find((each) => each.limit === limit)

async function served(headers: Readonly<Record<string, string>>, fields: object = {}): Promise<number> {
  const answer = await world.ask({ ...fields }, headers)
  await answer.text()
  return answer.status
}

async function refusal(answer: Response): Promise<string> {
  const { error } = (await answer.json()) as { error: { type: string; message: string } }
  return `${answer.status} ${error.type}: ${error.message}`
}

describe('requests a minute', () => {
  it('are refused beyond the limit, with the limit and a time at which it is let in', async () => {
    world = await openWorld()
    const key = await withKey({ requestsPerMinute: 2 })
    expect([await served(key), await served(key)]).toEqual([200, 200])
    const refused = await world.ask({}, key)
    const seconds = Number(refused.headers.get('retry-after'))
    const limit = await limitOf('requestsPerMinute')
    expect(await refusal(refused)).toMatch(
      /^429 rate_limit_error: The key "ci" has made its 2 requests of this minute\. It is let in again at 2\S+Z \(in \d+ s\)\.$/,
    )
    expect(limit).toMatchObject({ used: 2, most: 2, isFull: true })
    const open = Date.parse(limit?.opensAt ?? '') - Date.now()
    expect(Math.abs(seconds * 1_000 - open)).toBeLessThan(3_000)
    const row = (await world.rows(3)).at(-1)
    expect(row).toMatchObject({ status: 429, outcome: 'refused', account: null, key: 'ci', attempts: [] })
    expect(row?.decision.refusal).toContain('has made its 2 requests of this minute')
    expect(await (await world.admin('/metrics')).text()).toContain(
      'spillway_key_refusals_total{key="ci",limit="requests-per-minute"} 1',
    )
    expect(world.simulator.received).toHaveLength(2)
  })

  it('do not count what no account was asked for', async () => {
    world = await openWorld({ settings: { runaway: 'refuse', runawayRepeats: 1 } })
    const key = await withKey({ requestsPerMinute: 2, tokensPerMinute: 1_000_000, maxConcurrent: 9 })
    expect([await served(key), await served(key), await served(key)]).toEqual([200, 429, 429])
    expect(await limitOf('requestsPerMinute')).toMatchObject({ used: 1, isFull: false })
    expect((await show()).use).toMatchObject({ inFlight: 0, today: { requests: 1 } })
  })

  it('are another key’s own affair', async () => {
    world = await openWorld()
    const [one, other] = [await withKey({ requestsPerMinute: 1 }, 'one'), await withKey({}, 'other')]
    expect([await served(one), await served(one), await served(other), await served(other)]).toEqual([
      200, 429, 200, 200,
    ])
  })
})

describe('tokens a minute', () => {
  it('count what was used, not what was expected, when a request is over', async () => {
    world = await openWorld()
    const key = await withKey({ tokensPerMinute: 60 })
    expect(await served(key)).toBe(200)
    const once = tokensOf(await show())
    expect(await limitOf('tokensPerMinute')).toMatchObject({ used: once, isFull: false })
    expect([await served(key), await served(key), await served(key)]).toEqual([200, 200, 429])
    expect(await limitOf('tokensPerMinute')).toMatchObject({ used: 3 * once, isFull: true })
  })
})

describe('requests at once', () => {
  it('are refused while as many are under way, and let in when one is over', async () => {
    world = await openWorld()
    const key = await withKey({ maxConcurrent: 1 })
    const { promise: freed, resolve: free } = Promise.withResolvers<void>()
    world.simulator.script(keyOf('a'), (request: Received) => [
      reply.until(freed),
      ...world.simulator.unscripted(request),
    ])
    const first = world.ask({}, key)
    await eventually(() => world.simulator.received.length === 1, 'the first to be sent')
    const refused = await world.ask({}, key)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await refusal(refused)).toContain('has 1 requests under way, and may have 1')
    expect((await show()).use.inFlight).toBe(1)
    free()
    await (await first).text()
    expect(await served(key)).toBe(200)
  })

  it('are let in again when a client has left', async () => {
    world = await openWorld()
    const key = await withKey({ maxConcurrent: 1, budgets: [{ tokens: 1_000, period: 'day' }] })
    world.simulator.script(keyOf('a'), [reply.stall])
    const leaving = new AbortController()
    const left = fetch(`${world.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...key },
      body: JSON.stringify({ model: 'claude-sonnet-5-5', max_tokens: 500, messages: [] }),
      signal: leaving.signal,
    }).catch(() => 'left')
    await eventually(() => world.simulator.received.length === 1, 'the request to be sent')
    expect((await limitOf('budget'))?.reserved).toBeGreaterThan(500)
    leaving.abort()
    expect(await left).toBe('left')
    await world.rows(1)
    expect(await limitOf('budget')).toMatchObject({ used: 0, reserved: 0 })
    expect(await served(key)).toBe(200)
  })
})

describe('a budget', () => {
  it('of tokens is used up, and says when it begins anew', async () => {
    world = await openWorld()
    const key = await withKey({ budgets: [{ tokens: 40, period: 'day' }] })
    expect([await served(key), await served(key)]).toEqual([200, 200])
    const refused = await world.ask({}, key)
    const midnight = new Date().setUTCHours(24, 0, 0, 0)
    const seconds = Number(refused.headers.get('retry-after'))
    expect(Math.abs(midnight - Date.now() - seconds * 1_000)).toBeLessThan(5_000)
    expect(await refusal(refused)).toContain('has used up its budget of 40 tokens a day (UTC)')
    expect(await limitOf('budget')).toMatchObject({
      period: 'day',
      unit: 'tokens',
      isFull: true,
      opensAt: new Date(midnight).toISOString(),
      resetsAt: new Date(midnight).toISOString(),
    })
  })

  it('of money counts what the ledger says', async () => {
    world = await openWorld()
    const key = await withKey({ budgets: [{ usd: 0.0002, period: 'month' }] })
    expect([await served(key), await served(key), await served(key)]).toEqual([200, 200, 429])
    const spent = (await world.rows(3)).reduce((sum, { costUsd }) => sum + (costUsd ?? 0), 0)
    expect(spent).toBeGreaterThan(0.0002)
    expect((await limitOf('budget'))?.used).toBeCloseTo(spent, 12)
    expect((await show()).use.month.costUsd).toBeCloseTo(spent, 12)
  })

  it('is kept by requests that come at once: they do not go past it by more than one of them', async () => {
    world = await openWorld()
    const key = await withKey({ budgets: [{ tokens: 300, period: 'day' }] })
    const { promise: freed, resolve: free } = Promise.withResolvers<void>()
    world.simulator.always(keyOf('a'), (request: Received) => [
      reply.until(freed),
      ...world.simulator.unscripted(request),
    ])
    const answers = Array.from({ length: 20 }, () => world.ask({ max_tokens: 64 }, key))
    await eventually(
      async () => (await world.api.listRequests({ query: { status: 'refused' } })).requests.length >= 16,
      'most of them to be refused',
    )
    free()
    const statuses = await Promise.all(
      answers.map(async (answer) => {
        const { status } = await answer
        await (await answer).text()
        return status
      }),
    )
    const letIn = statuses.filter((status) => status === 200).length
    expect(letIn).toBeGreaterThanOrEqual(3)
    expect(letIn).toBeLessThanOrEqual(4)
    const one = tokensOf(await show()) / letIn
    expect(tokensOf(await show())).toBeLessThanOrEqual(300 + one)
    expect((await show()).use.limits).toMatchObject([{ reserved: 0, isFull: false }])
  })

  it('is the same after a restart', async () => {
    world = await openWorld()
    const key = await withKey({
      budgets: [
        { tokens: 40, period: '5h' },
        { usd: 100, period: 'month' },
      ],
    })
    expect([await served(key), await served(key), await served(key)]).toEqual([200, 200, 429])
    const before = (await show()).use
    await world.restart()
    const { use } = await show()
    expect(use.today).toMatchObject({ requests: 2, tokens: before.today.tokens })
    expect(use.month.costUsd).toBeCloseTo(before.month.costUsd, 12)
    expect(use.limits).toMatchObject([{ used: before.today.tokens, isFull: true }, { isFull: false }])
    expect(await served(key)).toBe(429)
  })

  it('that is given later counts what the key has used before', async () => {
    world = await openWorld()
    const key = await withKey({})
    expect([await served(key), await served(key)]).toEqual([200, 200])
    const budgets = [{ tokens: 40, period: 'day' as const }]
    await world.api.changeKey({ params: { id: 'ci' }, body: { budgets } })
    expect(await served(key)).toBe(429)
    await world.api.changeKey({ params: { id: 'ci' }, body: { budgets: null } })
    expect([await served(key), (await show()).budgets]).toEqual([200, undefined])
  })

  it('is shown by a dry run, which takes nothing of it', async () => {
    world = await openWorld()
    const key = await withKey({ budgets: [{ tokens: 20, period: 'week' }] })
    const explain = () => world.api.explainRoute({ query: { model: 'claude-sonnet-5-5', key: 'ci' } })
    expect(await explain()).toMatchObject({ outcome: 'send' })
    expect(await served(key)).toBe(200)
    const refused = await explain()
    expect(refused).toMatchObject({ outcome: 'refuse', status: 429 })
    expect(refused.decision.refusal).toContain('has used up its budget of 20 tokens a week')
    expect(await (await world.admin('/metrics')).text()).not.toContain('spillway_key_refusals_total{')
  })
})

describe('a key’s own page', () => {
  const me = (headers: Readonly<Record<string, string>>, path = '/api/me'): Promise<Response> =>
    fetch(`${world.url}${path}`, { headers })

  it('shows the key its limits and what it has used, by either header', async () => {
    world = await openWorld()
    const key = await withKey({ requestsPerMinute: 5, budgets: [{ usd: 1, period: 'day' }] })
    expect(await served(key)).toBe(200)
    const secret = key['x-api-key'] ?? ''
    for (const headers of [key, { authorization: `Bearer ${secret}` }]) {
      const answer = await me(headers)
      const text = await answer.text()
      expect([answer.status, text.includes(secret)]).toEqual([200, false])
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(await show())))
      expect(JSON.parse(text)).toMatchObject({
        name: 'ci',
        requestsPerMinute: 5,
        budgets: [{ usd: 1, period: 'day' }],
        use: {
          today: { requests: 1 },
          limits: [
            { used: 1, most: 5 },
            { unit: 'usd', isFull: false },
          ],
        },
      })
    }
  })

  it('is all that a key may see of the API', async () => {
    world = await openWorld()
    const key = await withKey({})
    for (const path of [
      '/api/keys',
      '/api/keys/ci',
      '/api/requests',
      '/api/config',
      '/metrics',
      '/api/requests/stream',
    ])
      expect([path, (await me(key, path)).status]).toEqual([path, 403])
    const change = await fetch(`${world.url}/api/keys/ci`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json', ...key },
      body: JSON.stringify({ requestsPerMinute: null }),
    })
    expect(change.status).toBe(403)
  })

  it('is nobody’s without a key that counts', async () => {
    world = await openWorld()
    const keys = {
      gone: await withKey({}, 'gone'),
      off: await withKey({}, 'off'),
      late: await withKey({ expiresAt: '2026-01-01T00:00:00Z' }, 'late'),
    }
    await world.api.revokeKey({ params: { id: 'gone' } })
    await world.api.changeKey({ params: { id: 'off' }, body: { disabled: true } })
    for (const headers of [{}, { 'x-api-key': 'spk_wrong' }, keys.gone, keys.off, keys.late])
      expect((await me(headers)).status).toBe(401)
    const admin = await world.admin('/api/me')
    expect([admin.status, await admin.text()]).toEqual([404, expect.stringContaining('page of a client key')])
  })
})
