/**
 * What only shows when requests meet: each other, a pause, a slow client or the operator.
 * One request alone would pass all of these.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { event } from '../src/simulator/events.ts'
import * as reply from '../src/simulator/replies.ts'
import { only } from './support/first.ts'
import { answerOn, exchange, headerOf } from './support/raw-answer.ts'
import { connectRaw, type RawClient } from './support/raw-client.ts'
import { startRawUpstream } from './support/raw-upstream.ts'
import { bodyOf, requestBytes } from './support/requests.ts'
import { within } from './support/within.ts'
import { eventually, keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const account = (name: string) => world.api.showAccount({ params: { id: name } })
const arrived = (count: number) =>
  eventually(() => world.simulator.received.length >= count || undefined, `${count} requests upstream`)
const LIST = 'GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n'

/** Comes in one piece, so that nothing waits for it to be taken. */
const ANSWER = 'x'.repeat(50_000)
const AHEAD = 1_000

/** A client that takes one answer and no more, but asks on. */
async function readerOfNothing(ahead: number): Promise<RawClient> {
  world = await openWorld()
  world.simulator.always(keyOf('a'), reply.whole(200, ANSWER))
  const client = await connectRaw(world.url)
  client.write(LIST)
  await client.when(() => client.size > ANSWER.length)
  client.pause()
  client.write(LIST.repeat(ahead))
  await stillness()
  return client
}

/** Until no request has gone upstream for ten others' time. */
async function stillness(): Promise<void> {
  for (let seen = -1; seen !== world.simulator.received.length; ) {
    seen = world.simulator.received.length
    for (let count = 0; count < 10; count++) await fetch(world.url, { method: 'HEAD' })
  }
}

describe('requests sent ahead of their turn', () => {
  it('wait until the answer before them has been taken', async () => {
    const client = await readerOfNothing(AHEAD)
    expect(world.simulator.received.length).toBeLessThan(AHEAD / 2)
    client.resume()
    await arrived(AHEAD + 1)
    client.close()
  })

  it('are not kept without end: the connection ends with the answers that were begun', async () => {
    const client = await readerOfNothing(20 * AHEAD)
    client.resume()
    await within(client.ended, 'the connection to end')
    expect(world.simulator.received.length).toBeLessThan(AHEAD)
  })
})

describe('a connection that is never ready', () => {
  it.each(['a TLS handshake', 'a tunnel'])(
    'because %s stalls is closed when nobody waits any more',
    async (what) => {
      const silent = startRawUpstream(() => {})
      const isTunnel = what === 'a tunnel'
      world = await openWorld({
        accounts: [
          { name: 'a', baseUrl: isTunnel ? 'https://provider.invalid' : silent.url.replace('http', 'https') },
        ],
        environment: isTunnel ? { HTTPS_PROXY: silent.url } : {},
        settings: { connectTimeoutMs: 100, retryAttempts: 1 },
      })
      expect((await world.ask()).status).toBe(503)
      await within(only(silent.connections).gone, 'the connection to be closed')
      silent.stop()
    },
  )
})

describe('a pause before another attempt', () => {
  it('does not let more requests through than the budget has', async () => {
    world = await openWorld({ settings: { retryDelayMs: 300 } })
    world.simulator.always(keyOf('a'), reply.overloaded)
    const statuses = await Promise.all(Array.from({ length: 100 }, async () => (await world.ask()).status))
    expect(new Set(statuses)).toEqual(new Set([503]))
    expect(world.simulator.received.length).toBeLessThanOrEqual(120)
  })

  it.each(['pauses', 'removes'])(
    'does not end at an account that the operator %s meanwhile',
    async (what) => {
      world = await openWorld({ settings: { retryDelayMs: 300 } })
      world.simulator.script(keyOf('a'), reply.serverError)
      const asking = world.ask()
      await arrived(1)
      const params = { id: 'a' }
      await (what === 'pauses' ? world.api.pauseAccount({ params }) : world.api.removeAccount({ params }))
      expect((await asking).status).toBeGreaterThanOrEqual(500)
      expect(world.simulator.received).toHaveLength(1)
    },
  )
})

it('patience counts from the whole request on: a slow upload is sent all the same', async () => {
  world = await openWorld({ settings: { patienceMs: 100 } })
  const client = await connectRaw(world.url)
  const bytes = requestBytes()
  client.write(bytes.subarray(0, -5))
  await Bun.sleep(200)
  client.write(bytes.subarray(-5))
  expect((await answerOn(client)).status).toBe(200)
  client.close()
})

describe('the test of an expired cooldown', () => {
  it('ends with its verdict, not with the stream that brought it', async () => {
    world = await openWorld({ settings: { retryAttempts: 1 } })
    world.simulator.script(keyOf('a'), reply.throttled(1))
    await (await world.ask()).text()
    await eventually(
      async () => (await account('a')).state.kind === 'ready' || undefined,
      'the cooldown to end',
    )
    const start = [event('message_start', { message: {} }), event('content_block_start', { index: 0 })]
    world.simulator.script(keyOf('a'), reply.brokenStream(start, [reply.stall]), reply.throttled(1))
    const long = await world.ask({ stream: true })
    await long.body?.getReader().read()
    expect((await world.ask()).status).toBe(429)
    await eventually(
      async () => (await account('a')).state.kind === 'ready' || undefined,
      'the cooldown to end',
    )
    expect((await within(world.ask(), 'an answer', 3_000)).status).toBe(200)
  })
})

it('whose a batch is does not depend on the pieces that its answer comes in', async () => {
  world = await openWorld({ accounts: ['a', 'b'], settings: { strategy: 'round-robin' } })
  const body = '{"type":"message_batch","id":"msgbatch_1","results_url":null}'
  const chunked: reply.Reply = [
    reply.send(
      reply.head(200, [
        ['content-type', 'application/json'],
        ['transfer-encoding', 'chunked'],
      ]),
    ),
    reply.send(reply.chunk(body.slice(0, 10))),
    reply.wait(20),
    reply.send(reply.chunk(body.slice(10))),
    reply.send(reply.LAST_CHUNK),
  ]
  for (const name of ['a', 'b']) world.simulator.always(keyOf(name), chunked)
  const made = await world.post('/v1/messages/batches', { requests: [] })
  expect(await made.text()).toBe(body)
  const maker = made.headers.get('x-spillway-account')
  for (let count = 0; count < 4; count++) {
    const answer = await fetch(`${world.url}/v1/messages/batches/msgbatch_1`)
    await answer.text()
    expect(answer.headers.get('x-spillway-account')).toBe(maker)
  }
})

it('an earlier account’s answer is handed out with the model that it was asked for', async () => {
  const mapped = {
    name: 'b',
    priority: 1,
    modelMap: { 'claude-sonnet-5-5': 'glm-9' },
    baseUrl: 'http://127.0.0.1:1',
  }
  world = await openWorld({ accounts: ['a', mapped], settings: { retryAttempts: 1 } })
  world.simulator.always(keyOf('a'), reply.serverError)
  const answer = await world.ask()
  expect(answer.status).toBe(500)
  expect(answer.headers.get('x-spillway-account')).toBe('a')
  expect(answer.headers.get('x-spillway-model')).toBeNull()
  expect(only(await world.rows(1))).toMatchObject({ account: 'a', servedModel: 'claude-sonnet-5-5' })
})

it('an answer about a batch passes byte for byte, whatever its bytes mean', async () => {
  world = await openWorld()
  const body = Buffer.from('{"id":"msgbatch_1","x":"\u00ff\u00fe"}', 'latin1')
  const head = reply.head(200, [
    ['content-type', 'application/json'],
    ['content-length', String(body.length)],
  ])
  world.simulator.always(keyOf('a'), [reply.send(head), reply.send(body)])
  const answer = await fetch(`${world.url}/v1/messages/batches/msgbatch_1`)
  expect(Buffer.from(await answer.arrayBuffer()).equals(body)).toBe(true)
})

it('a HEAD says the length that the upstream said', async () => {
  world = await openWorld()
  world.simulator.always(keyOf('a'), [
    reply.send(
      reply.head(200, [
        ['content-type', 'application/json'],
        ['content-length', '1234'],
      ]),
    ),
  ])
  const client = await connectRaw(world.url)
  client.write(LIST.replace('GET', 'HEAD'))
  await client.until((text) => text.includes('\r\n\r\n'))
  expect(client.text().toLowerCase()).toContain('content-length: 1234\r\n')
  client.close()
})

it('a request that an upstream has worked on for a while is not sent again as if nobody had seen it', async () => {
  world = await openWorld({ settings: { retryAttempts: 1 } })
  await (await world.ask()).text()
  world.simulator.always(keyOf('a'), [reply.wait(1_200), reply.reset])
  expect((await world.ask()).status).toBe(503)
  expect(world.simulator.received).toHaveLength(2)
})

it('a refusal at the door carries an id in its body, and none that claims a row', async () => {
  world = await openWorld({ settings: { requireKeys: 'always' } })
  const answer = await exchange(world.url, requestBytes({ body: bodyOf() }))
  expect(answer.status).toBe(401)
  expect(JSON.parse(answer.body.toString()).request_id).toBeString()
  expect(headerOf(answer, 'x-spillway-request-id')).toBeUndefined()
})
