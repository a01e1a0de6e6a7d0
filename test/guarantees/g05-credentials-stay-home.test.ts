/**
 * G5 Credentials stay home: an account’s credential goes to that account’s origin only, a
 * client’s goes nowhere, and none is found in a log, a file, a metric or an answer.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { routes } from '../../src/api/contract.ts'
import type { Route } from '../../src/api/route.ts'
import * as reply from '../../src/simulator/replies.ts'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts'
import { last } from '../support/first.ts'
import { exchange } from '../support/raw-answer.ts'
import { bodyOf, requestBytes } from '../support/requests.ts'
import { keyOf, openWorld, type World } from '../support/world.ts'

let world: World
let others: Simulator[] = []
afterEach(async () => {
  await world.stop()
  for (const other of others) other.stop()
  others = []
})

const otherProvider = (): Simulator => {
  const other = startSimulator()
  others.push(other)
  return other
}

const redirect = (status: number, location: string): reply.Reply =>
  reply.whole(status, '', [['location', location]])

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('(%p) is not followed, to whatever place it leads', async (status) => {
    const elsewhere = otherProvider()
    world = await openWorld({ settings: { retryDelayMs: 0 } })
    for (const location of [
      `${elsewhere.url}/v1/messages`,
      '/v1/elsewhere',
      `//127.0.0.1:${elsewhere.port}/`,
    ]) {
      world.simulator.always(keyOf('a'), redirect(status, location))
      for (const stream of [true, false]) expect((await world.ask({ stream })).status).toBe(503)
      expect((await fetch(`${world.url}/v1/models`, { redirect: 'manual' })).status).toBe(503)
    }
    expect(elsewhere.received).toEqual([])
    expect(world.simulator.received.map(({ target }) => target)).not.toContain('/v1/elsewhere')
    expect(last(await world.rows(9)).attempts[0]).toMatchObject({ status, failure: 'redirect' })
  })

  it('of a test of the account is not followed either', async () => {
    const elsewhere = otherProvider()
    world = await openWorld()
    world.simulator.always(keyOf('a'), redirect(302, `${elsewhere.url}/v1/models`))
    expect(await world.api.testAccount({ params: { id: 'a' } })).toMatchObject({ ok: false, status: 302 })
    expect(elsewhere.received).toEqual([])
  })
})

describe('on failover', () => {
  it('each account’s origin sees that account’s credential and no other', async () => {
    const [second, third] = [otherProvider(), otherProvider()]
    world = await openWorld({
      accounts: [
        'a',
        { name: 'b', priority: 1, baseUrl: second.url },
        { name: 'c', priority: 2, baseUrl: third.url, provider: 'anthropic-compatible' },
      ],
    })
    world.simulator.always(keyOf('a'), reply.serverError)
    second.always(keyOf('b'), reply.throttled(60))
    const answer = await world.ask({}, { 'x-api-key': 'CLIENT-SECRET', cookie: 'id=CLIENT-SECRET' })
    expect(answer.headers.get('x-spillway-account')).toBe('c')
    const seen = (simulator: Simulator) =>
      simulator.received.map(({ headers }) => JSON.stringify(headers)).join()
    const all = [seen(world.simulator), seen(second), seen(third)]
    expect(all.map((text) => ['a', 'b', 'c'].filter((name) => text.includes(keyOf(name))))).toEqual([
      ['a'],
      ['b'],
      ['c'],
    ])
    expect(all.join()).not.toContain('CLIENT-SECRET')
    expect(
      last(third.received).headers.filter(([name]) => name === 'x-api-key' || name === 'authorization'),
    ).toEqual([['x-api-key', keyOf('c')]])
  })

  it('a connection that one account has used carries another’s request without anything of the first', async () => {
    world = await openWorld({ accounts: ['a', 'b'], settings: { strategy: 'round-robin' } })
    for (let count = 0; count < 6; count++) await (await world.ask()).text()
    const { received } = world.simulator
    expect(new Set(received.map(({ connection }) => connection)).size).toBe(1)
    expect(received.map(({ headers }) => headers.filter(([name]) => name === 'x-api-key').length)).toEqual(
      received.map(() => 1),
    )
    expect(received.map(({ key }) => key)).toEqual(['a', 'b', 'a', 'b', 'a', 'b'].map(keyOf))
  })
})

describe('a changed account', () => {
  it('sends its new credential to its new place, and nothing to the old one', async () => {
    const elsewhere = otherProvider()
    world = await openWorld()
    await (await world.ask()).text()
    await world.api.changeAccount({
      params: { id: 'a' },
      body: { apiKey: 'CANARY-new', baseUrl: elsewhere.url },
    })
    await (await world.ask()).text()
    expect(world.simulator.received.map(({ key }) => key)).toEqual([keyOf('a')])
    expect(elsewhere.received.map(({ key }) => key)).toEqual(['CANARY-new'])
  })
})

describe('without any account', () => {
  it('a client’s own credential goes to the configured provider, as it came, and nowhere else', async () => {
    const anthropic = otherProvider()
    world = await openWorld({ accounts: [], settings: { anthropicUrl: anthropic.url } })
    const own = ['x-api-key: sk-client', 'authorization: Bearer oauth-client']
    expect(await exchange(world.url, requestBytes({ lines: [...own, 'cookie: a=b'] }))).toMatchObject({
      status: 200,
    })
    const { headers } = last(anthropic.received)
    expect(headers.filter(([name]) => ['x-api-key', 'authorization', 'cookie'].includes(name))).toEqual([
      ['x-api-key', 'sk-client'],
      ['authorization', 'Bearer oauth-client'],
    ])
  })

  it('a request without a credential, or with a key of this gateway, goes nowhere', async () => {
    const anthropic = otherProvider()
    world = await openWorld({ accounts: [], settings: { anthropicUrl: anthropic.url } })
    const { secret } = await world.api.createKey({ body: { name: 'k' } })
    await world.admin('/api/config', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ requireKeys: 'off' }),
    })
    for (const headers of [{}, { 'x-api-key': secret }, { authorization: `Bearer ${secret}` }]) {
      const answer = await world.ask({}, headers)
      expect(answer.status).toBe(503)
      expect(await answer.text()).toContain('spillway accounts add')
    }
    expect(anthropic.received).toEqual([])
  })
})

describe('a secret', () => {
  /** Everything that can go wrong with a credential nearby. */
  const live = async (): Promise<readonly string[]> => {
    const answers: string[] = []
    const refusals = [
      reply.unauthorized,
      reply.forbidden,
      reply.badRequest,
      reply.serverError,
      reply.overloaded,
      reply.throttled(1),
      [reply.reset],
      [reply.send('garbage\r\n\r\n')],
      redirect(302, 'http://127.0.0.1:1/'),
      reply.errorFirst('api_error', 'x'),
      reply.brokenStream(['event: content_block_start\ndata: {}\n\n'], [reply.reset]),
    ]
    for (const [index, refusal] of refusals.entries()) {
      world.simulator.always(keyOf('a'), refusal)
      const answer = await world.ask({ stream: index % 2 === 0 }, { 'x-api-key': 'CANARY-client' })
      answers.push(await answer.text().catch(String), JSON.stringify([...answer.headers]))
    }
    await world.api.testAccount({ params: { id: 'a' } })
    for (const lines of [
      ['authorization: Bearer CANARY-client\r\n x: folded'],
      ['bad header: CANARY-client'],
    ]) {
      answers.push((await exchange(world.url, requestBytes({ lines }))).body.toString())
    }
    const strange = await world.post('/v1/messages?api_key=CANARY-client', '{"model": CANARY-client')
    return [...answers, await strange.text()]
  }

  it('is in no answer, no log line, no metric, no ledger row and no file, whatever goes wrong', async () => {
    world = await openWorld({ settings: { logLevel: 'debug', retryDelayMs: 0 } })
    const answers = await live()
    await world.rows(12)
    const gets = Object.values<Route>(routes).filter(({ method }) => method === 'GET')
    const paths = [
      ...gets.map(({ path }) => path.replace(':id', 'a')),
      '/metrics',
      '/api/openapi.json',
      '/nowhere',
    ]
    const shown = await Promise.all(paths.map(async (path) => (await world.admin(path)).text()))
    const files = readdirSync(world.dataDirectory).map((file) =>
      readFileSync(join(world.dataDirectory, file), 'latin1'),
    )
    expect(paths.length).toBeGreaterThan(12)
    for (const text of [...answers, ...shown, ...files, world.log()]) expect(text).not.toContain('CANARY-')
    expect(world.log()).toContain('set aside')
    for (const text of [...answers, ...shown, world.log()]) expect(text).not.toContain(world.adminToken)
  })

  it('of a client’s key is shown once, and never stored or logged', async () => {
    world = await openWorld({ settings: { logLevel: 'debug' } })
    const { secret } = await world.api.createKey({ body: { name: 'team' } })
    expect((await world.ask({}, { 'x-api-key': secret })).status).toBe(200)
    expect((await world.ask({}, { 'x-api-key': `${secret}x` })).status).toBe(401)
    await world.rows(1)
    const shown = await Promise.all(
      ['/api/keys', '/api/keys/team', '/api/requests', '/metrics'].map(async (path) =>
        (await world.admin(path)).text(),
      ),
    )
    const files = readdirSync(world.dataDirectory).map((file) =>
      readFileSync(join(world.dataDirectory, file), 'latin1'),
    )
    for (const text of [...shown, ...files, world.log()]) expect(text).not.toContain(secret.slice(0, -4))
  })

  it('that a provider repeats in its error message does not get into the ledger', async () => {
    world = await openWorld()
    world.simulator.always(keyOf('a'), ({ key }) =>
      reply.refusal(400, 'invalid_request_error', `The key ${key} may not be used with this beta.`),
    )
    expect((await world.post('/v1/messages', bodyOf())).status).toBe(400)
    world.simulator.always(keyOf('a'), ({ key }) =>
      reply.eventStream([
        'event: content_block_start\ndata: {}\n\n',
        `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: 'api_error', message: `bad key ${key}` } })}\n\n`,
      ]),
    )
    await (await world.ask({ stream: true })).text()
    for (const row of await world.rows(2)) expect(row.error).not.toContain(keyOf('a'))
  })
})
