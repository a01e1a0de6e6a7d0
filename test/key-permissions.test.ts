/**
 * What a client key may call, over real sockets: models, endpoints, accounts and their order,
 * and until when. Each has its effect, and is shown by the row and by a dry run.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import type { ClientInput } from '../src/api/contract.ts'
import { keyOf, openWorld, type World, type WorldOptions } from './support/world.ts'

let world: World
afterEach(() => world.stop())

type Rules = Omit<ClientInput<'createKey'>['body'], 'name'>
type Headers = Readonly<Record<string, string>>

async function open(rules: Rules, options: WorldOptions = {}): Promise<Headers> {
  world = await openWorld(options)
  const { secret } = await world.api.createKey({ body: { name: 'ci', ...rules } })
  return { authorization: `Bearer ${secret}` }
}

/** The status, and what an error says. */
async function seen(answer: Promise<Response>): Promise<string> {
  const { status, text } = await answer.then(async (each) => ({
    status: each.status,
    text: await each.text(),
  }))
  if (status < 400) return String(status)
  const { error } = JSON.parse(text) as { error: { type: string; message: string } }
  return `${status} ${error.type}: ${error.message}`
}

const explain = (model = 'claude-sonnet-5-5') => world.api.explainRoute({ query: { model, key: 'ci' } })

describe('a key with a list of models', () => {
  it('may use those, by name, by family and by the beginning of a name, and no others', async () => {
    const key = await open({ allowedModels: ['haiku', 'claude-opus-5-5', 'glm-*'] })
    for (const model of ['claude-haiku-4-5', 'claude-opus-5-5', 'claude-opus-5-5[1m]', 'glm-5'])
      expect([model, await seen(world.ask({ model }, key))]).toEqual([model, '200'])
    for (const model of ['claude-opus-5', 'claude-sonnet-5-5', 'gpt-5'])
      expect(await seen(world.ask({ model }, key))).toBe(
        `403 permission_error: The key "ci" may use only haiku, claude-opus-5-5, glm-*; it may not use ${model}.`,
      )
    expect(world.simulator.received).toHaveLength(4)
    const row = (await world.rows(7)).at(-1)
    expect(row).toMatchObject({ status: 403, outcome: 'client-error', model: null, attempts: [] })
    expect(row?.decision.refusal).toContain('it may not use gpt-5')
    expect(await explain('gpt-5')).toMatchObject({ outcome: 'refuse', status: 403 })
    expect(await explain('glm-5')).toMatchObject({ outcome: 'send' })
  })

  it('may be written as "models", and is read back so', async () => {
    const key = await open({ models: ['haiku'] })
    expect(await world.api.showKey({ params: { id: 'ci' } })).toMatchObject({
      models: ['haiku'],
      allowedModels: ['haiku'],
    })
    expect(await seen(world.ask({}, key))).toStartWith('403')
    const change = (body: ClientInput<'changeKey'>['body']) =>
      world.api.changeKey({ params: { id: 'ci' }, body })
    const both = await change({ models: { sonnet: 'claude-haiku-5-5' } })
    expect(both).toMatchObject({ models: { sonnet: 'claude-haiku-5-5' }, allowedModels: ['haiku'] })
    expect(await seen(world.ask({}, key))).toBe('200')
    expect(await change({ models: null })).toMatchObject({ models: ['haiku'] })
    expect(await change({ models: null })).not.toHaveProperty('models')
    expect(await seen(world.ask({}, key))).toBe('200')
  })

  it('is held against the model that it would get, whatever the client calls itself', async () => {
    const settings = {
      aliases: { fast: 'claude-haiku-5-5' },
      agents: { plan: { models: { haiku: 'claude-opus-5-5' } } },
    }
    const key = await open({ allowedModels: ['haiku'] }, { settings })
    expect(await seen(world.ask({ model: 'fast' }, key))).toBe('200')
    const asPlanner = world.ask({ model: 'claude-haiku-5-5' }, { ...key, 'x-spillway-agent': 'plan' })
    expect(await seen(asPlanner)).toContain(
      'it may not use claude-opus-5-5 (in the place of claude-haiku-5-5)',
    )
  })
})

describe('a key with a list of endpoints', () => {
  const call = (path: string, key: Headers, method = 'GET') =>
    fetch(`${world.url}${path}`, { method, headers: key, ...(method === 'POST' ? { body: '{}' } : {}) })

  it('may call those and no others', async () => {
    const key = await open({ endpoints: ['count_tokens', 'models'] })
    const question = { model: 'claude-sonnet-5-5', messages: [] }
    expect(await seen(world.post('/v1/messages/count_tokens', question, key))).toBe('200')
    expect(await seen(call('/v1/models', key))).toBe('200')
    expect(await seen(call('/v1/models/claude-haiku-5-5', key))).toBe('200')
    expect(await seen(world.ask({}, key))).toBe(
      '403 permission_error: The key "ci" may call only count_tokens, models; this is messages.',
    )
    for (const [path, name] of [
      ['/v1/files', 'files'],
      ['/v1/messages/batches', 'batches'],
      ['/v1/skills', 'other'],
      ['/v1/%6dessages', 'other'],
    ] as const)
      expect(await seen(call(path, key, 'POST'))).toContain(`this is ${name}`)
    expect(world.simulator.received).toHaveLength(3)
    expect(await explain()).toMatchObject({ outcome: 'refuse', status: 403 })
    expect(await (await world.admin('/metrics')).text()).toContain(
      'spillway_key_refusals_total{key="ci",limit="endpoint"} 5',
    )
  })

  it.each<Rules>([
    { budgets: [{ usd: 1, period: 'day' }] },
    { tokensPerMinute: 1_000 },
    { allowedModels: ['haiku'] },
  ])('must name those where nothing is read of what %j bounds', async (rules) => {
    const key = await open(rules)
    for (const path of ['/v1/messages/batches', '/v1/complete', '/v1/%6dessages'])
      expect(await seen(call(path, key, 'POST'))).toMatch(
        /^403 .*only if its endpoints name "(batches|other)"/,
      )
    expect(await seen(call('/v1/files', key, 'POST'))).toBe('200')
    await world.api.changeKey({ params: { id: 'ci' }, body: { endpoints: ['messages', 'batches'] } })
    expect(await seen(call('/v1/messages/batches', key, 'POST'))).toBe('200')
  })
})

describe('a key with groups', () => {
  const accounts = ['a', { name: 'b', groups: ['work'] }, { name: 'c', groups: ['home'], priority: 1 }]

  it('is served by accounts of these groups only, also when they are limited', async () => {
    const key = await open({ groups: ['home', 'lab'] }, { accounts })
    const answer = await world.ask({}, key)
    expect([answer.headers.get('x-spillway-account'), await seen(Promise.resolve(answer))]).toEqual([
      'c',
      '200',
    ])
    const [row] = await world.rows(1)
    expect(row?.decision.candidates).toContainEqual({
      account: 'a',
      excluded: 'not-for-key: its key is for home, lab',
    })
    expect(await explain()).toMatchObject({ outcome: 'send', account: 'c' })
    await world.api.pauseAccount({ params: { id: 'c' } })
    expect(await seen(world.ask({}, key))).toStartWith('503')
    expect(world.simulator.requestsOf(keyOf('a'))).toHaveLength(0)
  })

  it('is told when nobody is in them, or in both them and its pool', async () => {
    const key = await open({ groups: ['lab'] }, { accounts })
    expect(await seen(world.ask({}, key))).toBe(
      '503 api_error: No account of the groups that the key may use (lab) is there.',
    )
    await world.api.changeKey({ params: { id: 'ci' }, body: { groups: ['home'], pool: 'work' } })
    expect(await seen(world.ask({}, key))).toContain('(home) is in the pool work (work)')
  })
})

describe('a key with a strategy', () => {
  it('is routed by it, before its pool’s and the one in force', async () => {
    const settings = {
      strategy: 'session',
      pools: { default: { tiers: ['*'], strategy: 'headroom' } },
    }
    const key = await open({ strategy: 'round-robin' }, { accounts: ['a', 'b'], settings })
    const served: (string | null)[] = []
    for (let count = 0; count < 4; count++) {
      const answer = await world.ask({}, key)
      await answer.text()
      served.push(answer.headers.get('x-spillway-account'))
    }
    expect(served).toEqual(['a', 'b', 'a', 'b'])
    expect((await world.rows(4)).map(({ decision }) => decision.strategy)).toEqual(
      Array.from({ length: 4 }, () => 'round-robin'),
    )
    expect((await explain()).decision.strategy).toBe('round-robin')
    const ofOthers = await world.api.explainRoute({ query: { model: 'claude-sonnet-5-5' } })
    expect(ofOthers.decision.strategy).toBe('headroom')
  })
})

describe('a key that expires', () => {
  it('is let in until then, and afterwards told so, without a row', async () => {
    const soon = new Date(Date.now() + 3_600_000).toISOString()
    const key = await open({ expiresAt: soon })
    expect(await seen(world.ask({}, key))).toBe('200')
    expect(await world.api.showKey({ params: { id: 'ci' } })).toMatchObject({
      state: 'active',
      expiresAt: soon,
    })
    const past = '2026-01-31T00:00:00+01:00'
    const changed = await world.api.changeKey({ params: { id: 'ci' }, body: { expiresAt: past } })
    expect(changed).toMatchObject({ state: 'expired', expiresAt: '2026-01-30T23:00:00.000Z' })
    const refused = await world.ask({}, key)
    expect(refused.headers.get('x-should-retry')).toBe('false')
    expect(await seen(Promise.resolve(refused))).toBe(
      '401 authentication_error: The key "ci" has expired (2026-01-30T23:00:00.000Z). "spillway keys set ci --expires <time>" lets it in again.',
    )
    await world.api.changeKey({ params: { id: 'ci' }, body: { expiresAt: null } })
    expect(await seen(world.ask({}, key))).toBe('200')
    expect(await world.rows(2)).toHaveLength(2)
  })
})
