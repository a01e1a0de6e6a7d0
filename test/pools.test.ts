/** Groups, pools and their order, over real sockets: who serves, who is left out, what a day may cost. */
import { afterEach, describe, expect, it } from 'bun:test'
import * as reply from '../src/simulator/replies.ts'
import { keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const ACCOUNTS = [
  { name: 'sub', groups: ['subscriptions'] },
  { name: 'key', groups: ['keys'] },
  { name: 'cloud', groups: ['cloud'] },
]
const POOLS = { work: ['subscriptions', { group: 'keys', usdPerDay: 0.01 }, 'cloud'] }

const served = async (answer: Response): Promise<string | null> => {
  await answer.text()
  return answer.headers.get('x-spillway-account')
}

describe('a pool', () => {
  it('is named by the path, and serves in the order of its groups', async () => {
    world = await openWorld({ accounts: ACCOUNTS, settings: { pools: POOLS } })
    const ask = () => world.post('/pool/work/v1/messages', QUESTION)
    expect(await served(await ask())).toBe('sub')
    world.simulator.always(keyOf('sub'), reply.throttled(600))
    expect(await served(await ask())).toBe('key')
    const [first] = world.simulator.requestsOf(keyOf('sub'))
    expect(first?.target).toBe('/v1/messages')
    const [row] = await world.rows(1)
    expect(row).toMatchObject({ path: '/v1/messages', decision: { pool: 'work' } })
  })

  it('leaves a group alone when it has cost its money for the day, after a restart as well', async () => {
    world = await openWorld({ accounts: ACCOUNTS, settings: { pools: POOLS } })
    world.simulator.always(keyOf('sub'), reply.throttled(600))
    const ask = () => world.post('/pool/work/v1/messages', QUESTION)
    const usage = { inputTokens: 5_000, outputTokens: 5_000 }
    const expensive = reply.message({ id: 'msg_1', model: 'claude-sonnet-5-5', text: 'dear', usage })
    world.simulator.always(keyOf('key'), expensive)
    expect(await served(await ask())).toBe('key')
    expect(await served(await ask())).toBe('cloud')
    await world.restart()
    expect(await served(await ask())).toBe('cloud')
    const rows = await world.rows(3)
    const excluded = rows.at(-1)?.decision.candidates.find(({ account }) => account === 'key')
    expect(excluded?.excluded).toContain('the group keys has cost its 0.01 USD for today')
    const { pools } = await world.api.showRouting()
    expect(pools[0]?.tiers[1]).toMatchObject({ group: 'keys', usdPerDay: 0.01, accounts: ['key'] })
    expect(pools[0]?.tiers[1]?.spentTodayUsd).toBeGreaterThan(0.01)
  })

  it('called "default" serves whoever names none', async () => {
    world = await openWorld({ accounts: ACCOUNTS, settings: { pools: { default: ['cloud'] } } })
    expect(await served(await world.ask())).toBe('cloud')
  })

  it('may have a strategy of its own', async () => {
    const accounts = ['a', 'b', 'c'].map((name) => ({ name, groups: ['team'] }))
    const pools = { team: { tiers: ['team'], strategy: 'round-robin' } }
    world = await openWorld({ accounts, settings: { pools } })
    const names: (string | null)[] = []
    for (let count = 0; count < 3; count++)
      names.push(await served(await world.post('/pool/team/v1/messages', QUESTION)))
    expect(names.sort()).toEqual(['a', 'b', 'c'])
  })

  it('is any group by its name', async () => {
    world = await openWorld({ accounts: ACCOUNTS })
    expect(await served(await world.post('/pool/cloud/v1/messages', QUESTION))).toBe('cloud')
    world.simulator.always(keyOf('cloud'), reply.throttled(600))
    const answer = await world.post('/pool/cloud/v1/messages', QUESTION)
    expect(answer.status).toBe(429)
    expect(await answer.text()).not.toContain('sub')
  })

  it('that does not exist is not found, in the client’s dialect', async () => {
    world = await openWorld({ accounts: ACCOUNTS })
    const answer = await world.post('/pool/nowhere/v1/messages', QUESTION)
    expect(answer.status).toBe(404)
    expect(await answer.json()).toMatchObject({
      type: 'error',
      error: {
        type: 'not_found_error',
        message: 'There is no pool and no group of accounts called "nowhere".',
      },
    })
  })

  it('answers a client’s warm-up under its prefix', async () => {
    world = await openWorld({ accounts: ACCOUNTS, settings: { pools: POOLS } })
    expect((await fetch(`${world.url}/pool/work/`, { method: 'HEAD' })).status).toBe(200)
    expect((await fetch(`${world.url}/pool/work/api/hello`, { method: 'HEAD' })).status).toBe(200)
  })

  it('protects identities like the plain paths do', async () => {
    world = await openWorld({ accounts: ACCOUNTS, settings: { pools: POOLS } })
    const answer = await fetch(`${world.url}/pool/work/api/oauth/profile`)
    expect(answer.status).toBe(404)
    expect(world.simulator.received).toHaveLength(0)
  })
})

describe('rules that are changed while the gateway runs', () => {
  it('are in force with the next request, and conversations keep their account', async () => {
    world = await openWorld({ accounts: ACCOUNTS })
    const talk = () => world.ask({}, { 'x-claude-code-session-id': 'one' })
    const home = await served(await talk())
    await world.api.changeConfig({ body: { pools: { default: ['subscriptions', 'keys', 'cloud'] } } })
    await world.api.changeStrategy({ body: { strategy: 'round-robin' } })
    await world.api.changeStrategy({ body: { strategy: 'affinity' } })
    expect(await served(await talk())).toBe(home)
  })

  it('that cannot work are refused with their place, and the old ones stay', async () => {
    world = await openWorld({ accounts: ACCOUNTS })
    const change = (body: unknown) =>
      world.admin('/api/config', {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const answer = await change({ pools: { work: ['subscription'] } })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({
      error: { code: 'bad-request', details: [{ path: 'pools.work.tiers[0]' }] },
    })
    const unknown = await change({ strategy: 'afinity' })
    expect(await unknown.text()).toContain('did you mean \\"affinity\\"?')
    expect((await world.api.showRouting()).pools).toEqual([])
  })
})

describe('models', () => {
  it('by an alias are served under their own name, and say so (G11)', async () => {
    world = await openWorld({ settings: { aliases: { fast: 'claude-haiku-5-5' } } })
    const answer = await world.ask({ model: 'fast' })
    await answer.text()
    expect(answer.headers.get('x-spillway-model')).toBe('claude-haiku-5-5')
    expect(JSON.parse(world.simulator.received[0]?.body.toString() ?? '').model).toBe('claude-haiku-5-5')
    const [row] = await world.rows(1)
    expect(row).toMatchObject({
      model: 'fast',
      servedModel: 'claude-haiku-5-5',
      decision: { wanted: 'claude-haiku-5-5' },
    })
  })

  it('that an agent asks for are those that the operator prefers for it', async () => {
    const agents = { explore: { class: 'background', models: { opus: 'claude-haiku-5-5' } } }
    world = await openWorld({ settings: { agents } })
    const ask = (agent: string) => world.ask({ model: 'claude-opus-5-5' }, { 'x-spillway-agent': agent })
    expect((await ask('explore')).headers.get('x-spillway-model')).toBe('claude-haiku-5-5')
    expect((await ask('plan')).headers.get('x-spillway-model')).toBeNull()
    const rows = await world.rows(2)
    expect(rows.map(({ decision }) => decision.class)).toEqual(['background', undefined])
  })
})

describe('accounts that the client does not want', () => {
  it('are left out for that request', async () => {
    world = await openWorld({ accounts: ['a', 'b'] })
    for (let count = 0; count < 4; count++)
      expect(await served(await world.ask({}, { 'x-spillway-exclude': 'a' }))).toBe('b')
    const nobody = await world.ask({}, { 'x-spillway-exclude': 'a, b' })
    expect(nobody.status).toBe(403)
    expect(
      world.simulator
        .requestsOf(keyOf('b'))
        .at(0)
        ?.headers.some(([name]) => name.startsWith('x-spillway')),
    ).toBe(false)
  })
})

const QUESTION = {
  model: 'claude-sonnet-5-5',
  max_tokens: 64,
  messages: [{ role: 'user', content: 'Is this index used?' }],
}
