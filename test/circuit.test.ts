/** Endpoints that fail again and again, and side endpoints that are asked twice, over real sockets. */
import { afterEach, describe, expect, it } from 'bun:test'
import * as reply from '../src/simulator/replies.ts'
import { eventually, keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

/** Another conversation each time: one that fails again says nothing new. */
let count = 0
const ask = () => world.ask({ messages: [{ role: 'user', content: `question ${++count}` }] })

/** Nobody listens there. */
const DEAD = 'http://127.0.0.1:1'

describe('an account that cannot be reached, again and again', () => {
  const settings = { retryAttempts: 1, circuitFaults: 3 }

  it('is left alone after a while, and tried again by one request when its time is over', async () => {
    world = await openWorld({ accounts: [{ name: 'a', baseUrl: DEAD }], settings })
    for (let fault = 0; fault < 3; fault++) expect((await ask()).status).toBe(503)
    const refused = await ask()
    expect(refused.status).toBe(503)
    expect(await refused.text()).toContain('a: it has failed 3 times in a row, until')
    const seconds = Number(refused.headers.get('retry-after'))
    expect(seconds).toBeGreaterThanOrEqual(1)
    expect(seconds).toBeLessThanOrEqual(5)
    const rows = await world.rows(4)
    expect(rows.map(({ attempts }) => attempts.length)).toEqual([1, 1, 1, 0])
    expect(rows.at(-1)?.decision.candidates).toEqual([
      { account: 'a', excluded: 'circuit-open: it has failed 3 times in a row', until: expect.any(String) },
    ])
    const tried = await eventually(
      async () => {
        await ask()
        return (await world.rows(5)).at(-1)?.attempts.length === 1 || undefined
      },
      'a request to try it',
      8_000,
    )
    expect(tried).toBe(true)
  })

  it('never is where the operator wants no circuit', async () => {
    world = await openWorld({
      accounts: [{ name: 'a', baseUrl: DEAD }],
      settings: { ...settings, circuitFaults: 0 },
    })
    for (let fault = 0; fault < 12; fault++) await ask()
    expect((await world.rows(12)).every(({ attempts }) => attempts.length === 1)).toBe(true)
  })

  it('is usable at once when a person says so', async () => {
    world = await openWorld({ accounts: [{ name: 'a', baseUrl: DEAD }], settings })
    for (let fault = 0; fault < 3; fault++) await ask()
    await world.api.changeAccount({ params: { id: 'a' }, body: { baseUrl: world.simulator.url } })
    expect((await ask()).status).toBe(200)
  })
})

describe('an account that answers with server errors', () => {
  it('is left alone when others serve what it failed', async () => {
    world = await openWorld({
      accounts: ['a', { name: 'b', priority: 5 }],
      settings: { retryAttempts: 1, circuitFaults: 2 },
    })
    world.simulator.always(keyOf('a'), reply.serverError)
    for (let fault = 0; fault < 4; fault++) expect((await ask()).status).toBe(200)
    const seen = world.simulator.requestsOf(keyOf('a')).length
    expect(seen).toBe(2)
    const rows = await world.rows(4)
    expect(rows.at(-1)?.decision.candidates.at(-1)?.excluded).toContain('circuit-open')
  })

  it('is not left alone for requests that nobody could serve (G7)', async () => {
    world = await openWorld({ accounts: ['a', 'b'], settings: { retryAttempts: 1, circuitFaults: 2 } })
    for (const name of ['a', 'b']) world.simulator.always(keyOf(name), reply.serverError)
    for (let fault = 0; fault < 5; fault++) expect((await ask()).status).toBe(500)
    for (const name of ['a', 'b']) world.simulator.always(keyOf(name), undefined)
    expect((await ask()).status).toBe(200)
  })
})

describe('an endpoint that several accounts share', () => {
  it('is left alone as a whole when nobody reaches it', async () => {
    const accounts = ['a', 'b', 'c', 'd'].map((name) => ({ name, baseUrl: DEAD }))
    world = await openWorld({ accounts, settings: { retryAttempts: 1, circuitFaults: 3 } })
    await ask()
    await ask()
    const refused = await ask()
    expect(refused.status).toBe(503)
    expect(await refused.text()).toContain('its endpoint has failed')
    const rows = await world.rows(3)
    expect(rows.at(-1)?.attempts).toEqual([])
  })
})

describe('a token count that is slow', () => {
  const QUESTION = { model: 'claude-sonnet-5-5', messages: [{ role: 'user', content: 'x' }] }

  it('is asked of a second account, and the first one is let go', async () => {
    world = await openWorld({ accounts: ['a', { name: 'b', priority: 5 }], settings: { hedgeMs: 50 } })
    world.simulator.script(keyOf('a'), [reply.stall])
    const answer = await world.post('/v1/messages/count_tokens', QUESTION)
    expect([answer.status, answer.headers.get('x-spillway-account')]).toEqual([200, 'b'])
    await answer.text()
    await world.simulator.requestsOf(keyOf('a'))[0]?.abandoned
    const account = await world.api.showAccount({ params: { id: 'a' } })
    expect(account.state.kind).toBe('ready')
    await eventually(
      async () => (await world.api.showAccount({ params: { id: 'a' } })).inFlight === 0,
      'the place to be free',
    )
  })

  it('is waited for where nobody wants hedging, and messages are never asked twice', async () => {
    world = await openWorld({ accounts: ['a', 'b'], settings: { hedgeMs: 30 } })
    for (const name of ['a', 'b'])
      world.simulator.always(keyOf(name), (request) => [
        reply.wait(150),
        ...world.simulator.unscripted(request),
      ])
    await (await world.ask()).text()
    expect(world.simulator.received).toHaveLength(1)
    await world.api.changeConfig({ body: { hedgeMs: 0 } })
    await (await world.post('/v1/messages/count_tokens', QUESTION)).text()
    expect(world.simulator.received).toHaveLength(2)
  })

  it('takes the second answer although the first one fails meanwhile', async () => {
    world = await openWorld({ accounts: ['a', { name: 'b', priority: 5 }], settings: { hedgeMs: 30 } })
    world.simulator.script(keyOf('a'), [reply.wait(80), reply.reset])
    world.simulator.script(keyOf('b'), [reply.wait(200), ...reply.json({ input_tokens: 7 })])
    const answer = await world.post('/v1/messages/count_tokens', QUESTION)
    expect(await answer.json()).toEqual({ input_tokens: 7 })
  })
})

describe('a dry run', () => {
  it('says where a request would go, and sends nothing', async () => {
    world = await openWorld({ accounts: ['a', { name: 'b', priority: 3 }] })
    const explained = await world.api.explainRoute({ query: { model: 'claude-sonnet-5-5' } })
    expect(explained).toMatchObject({ outcome: 'send', account: 'a', model: 'claude-sonnet-5-5' })
    expect(explained.decision.candidates.map(({ account }) => account)).toEqual(['a', 'b'])
    expect(world.simulator.received).toHaveLength(0)
    const { requests } = await world.api.listRequests({})
    expect(requests).toEqual([])
  })

  it('says the same as the next request’s row', async () => {
    world = await openWorld({ accounts: ['a', 'b'] })
    world.simulator.always(keyOf('a'), reply.throttled(600))
    const session = { 'x-claude-code-session-id': 'talk' }
    await (await world.ask({}, session)).text()
    const query = { model: 'claude-sonnet-5-5', session: 'talk' }
    const explained = await world.api.explainRoute({ query })
    await (await world.ask({}, session)).text()
    const row = (await world.rows(2)).at(-1)
    expect(row?.account).toBe(explained.account ?? null)
    expect(row?.decision).toEqual(explained.decision)
  })

  it('of what would be refused says with what', async () => {
    world = await openWorld()
    world.simulator.always(keyOf('a'), reply.throttled(600))
    await (await world.ask()).text()
    const explained = await world.api.explainRoute({ query: { model: 'claude-sonnet-5-5' } })
    expect(explained).toMatchObject({ outcome: 'refuse', status: 429 })
  })

  it('of a pool that does not exist is not found', async () => {
    world = await openWorld()
    const answer = await world.admin('/api/routes/explain?model=x&pool=nowhere')
    expect(answer.status).toBe(404)
  })
})
