/**
 * G4 Abort reaches upstream: a client that leaves, in whatever phase and manner, ends the
 * upstream’s work at once, and what was used until then is booked as aborted.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'bun:test'
import { streamEvents, wholeMessage } from '../../src/simulator/events.ts'
import { simulatedMessage } from '../../src/simulator/healthy.ts'
import * as reply from '../../src/simulator/replies.ts'
import { hasBlackHoles, openBlackHole } from '../support/black-hole.ts'
import { only } from '../support/first.ts'
import { failedAttempts, inFlight, measure } from '../support/metrics.ts'
import { connectRaw, type RawClient } from '../support/raw-client.ts'
import { bodyOf, requestBytes } from '../support/requests.ts'
import { eventually, keyOf, openWorld, type World } from '../support/world.ts'

let world: World
const MESSAGE = simulatedMessage('claude-sonnet-5-5', { number: 1, body: Buffer.alloc(800) })
const EVENTS = streamEvents(MESSAGE)
const START = EVENTS.slice(0, 1)
const PART = EVENTS.slice(0, 4)

const LEAVES: readonly (readonly [how: string, leave: (client: RawClient) => void])[] = [
  ['in order', (client) => client.close()],
  ['by a reset', (client) => client.vanish()],
]

const ask = async (isStream: boolean, system = 'abort'): Promise<RawClient> => {
  const client = await connectRaw(world.url)
  client.write(requestBytes({ body: bodyOf({ stream: isStream, system }) }))
  return client
}

const arrived = (count = 1) =>
  eventually(() => world.simulator.received[count - 1], `request ${count} at the upstream`)

const aborted = async () => {
  const row = only(await world.rows(1))
  expect(row).toMatchObject({ outcome: 'aborted', usageComplete: false })
  return row
}

describe.each(LEAVES)('a client that leaves %s', (_how, leave) => {
  afterEach(() => world.stop())

  it('while it uploads its body never reaches an upstream', async () => {
    world = await openWorld()
    const client = await connectRaw(world.url)
    const bytes = requestBytes()
    client.write(bytes.subarray(0, bytes.length - 20))
    await inFlight(world, 1)
    leave(client)
    expect(await aborted()).toMatchObject({ status: 0, inputTokens: 0, costUsd: 0, attempts: [] })
    expect(world.simulator.received).toEqual([])
    expect(world.simulator.connections).toBe(0)
  })

  it.each([true, false])(
    'while the upstream has not answered yet ends that (stream: %p)',
    async (isStream) => {
      world = await openWorld()
      world.simulator.always(keyOf('a'), [reply.stall])
      const client = await ask(isStream)
      const request = await arrived()
      leave(client)
      await request.abandoned
      expect(await aborted()).toMatchObject({ status: 0, account: 'a', attempts: [{ account: 'a' }] })
    },
  )

  it('while its answer is held before its content books what has been seen', async () => {
    world = await openWorld()
    const head = reply.head(200, [
      ['content-type', 'text/event-stream'],
      ['transfer-encoding', 'chunked'],
      ['anthropic-ratelimit-unified-5h-utilization', '0.5'],
    ])
    world.simulator.always(keyOf('a'), [reply.send(head + reply.chunk(START.join(''))), reply.stall])
    const client = await ask(true)
    const request = await arrived()
    await eventually(
      async () => (await world.api.showAccount({ params: { id: 'a' } })).windows.at(0),
      'the head of the answer to have been read',
    )
    leave(client)
    await request.abandoned
    expect(await aborted()).toMatchObject({ inputTokens: 100, cacheReadTokens: 100, outputTokens: 1 })
  })

  it('in the middle of its stream books what has been seen', async () => {
    world = await openWorld()
    world.simulator.always(keyOf('a'), reply.brokenStream(PART, [reply.stall]))
    const client = await ask(true)
    await client.until((text) => text.includes('content_block_delta'))
    leave(client)
    const request = await arrived()
    await request.abandoned
    expect(await aborted()).toMatchObject({
      status: 200,
      inputTokens: 100,
      cacheReadTokens: 100,
      outputTokens: 1,
    })
  })

  it('in the middle of a whole answer ends the upstream', async () => {
    world = await openWorld()
    const text = wholeMessage(MESSAGE)
    const head = reply.head(200, [['content-length', String(text.length)]])
    world.simulator.always(keyOf('a'), [reply.send(head), reply.send(text.slice(0, 50)), reply.stall])
    const client = await ask(false)
    await client.until((received) => received.includes('"type":"message"'))
    leave(client)
    const request = await arrived()
    await request.abandoned
    expect(await aborted()).toMatchObject({ status: 200, stream: false })
  })

  it.if(hasBlackHoles)('while a connection is being made books nothing but that', async () => {
    const hole = await openBlackHole()
    world = await openWorld({ accounts: [{ name: 'a', baseUrl: `http://127.0.0.1:${hole.port}` }] })
    const client = await ask(true)
    await inFlight(world, 1)
    leave(client)
    expect(await aborted()).toMatchObject({ status: 0, account: 'a', inputTokens: 0 })
    await inFlight(world, 0)
    hole.stop()
  })

  it('in the pause before another attempt causes none', async () => {
    world = await openWorld({ settings: { retryDelayMs: 60_000, patienceMs: 600_000 } })
    world.simulator.always(keyOf('a'), reply.serverError)
    const client = await ask(true)
    await failedAttempts(world, 'server-error', 1)
    leave(client)
    expect(await aborted()).toMatchObject({ attempts: [{ account: 'a', status: 500 }] })
    expect(world.simulator.received).toHaveLength(1)
  })

  it('while it waits for another request to test an account causes nothing', async () => {
    world = await openWorld({ settings: { retryDelayMs: 0 } })
    world.simulator.script(keyOf('a'), reply.throttled(1), [reply.stall])
    expect((await world.ask({ system: 'one' })).status).toBe(429)
    await eventually(
      async () => (await world.api.showAccount({ params: { id: 'a' } })).state.kind === 'ready' || undefined,
      'the cooldown to be over',
    )
    const prober = await ask(true, 'two')
    await arrived(2)
    const waiting = await ask(true, 'three')
    await inFlight(world, 2)
    leave(waiting)
    const rows = await world.rows(2)
    expect(rows[1]).toMatchObject({ outcome: 'aborted', attempts: [] })
    expect(world.simulator.received).toHaveLength(2)
    leave(prober)
    await (await arrived(2)).abandoned
  })

  it('while the second account is asked ends that one', async () => {
    world = await openWorld({ accounts: ['a', { name: 'b', priority: 1 }] })
    world.simulator.always(keyOf('a'), reply.serverError)
    world.simulator.always(keyOf('b'), [reply.stall])
    const client = await ask(true)
    const request = await arrived(2)
    leave(client)
    await request.abandoned
    expect(await aborted()).toMatchObject({ attempts: [{ account: 'a', status: 500 }, { account: 'b' }] })
  })
})

describe('after a thousand clients that left in every phase', () => {
  beforeAll(async () => {
    world = await openWorld({ accounts: ['a'] })
  })
  afterAll(() => world.stop())

  it('nothing is left over: no connection, no request in flight, every row there', async () => {
    const count = 1_000
    world.simulator.always(keyOf('a'), ({ number }) => {
      if (number % 3 === 0) return [reply.stall]
      return number % 3 === 1
        ? reply.brokenStream(START, [reply.stall])
        : reply.brokenStream(PART, [reply.stall])
    })
    const leaveSome = async (first: number): Promise<void> => {
      const clients = await Promise.all(
        Array.from({ length: 100 }, (_, index) => ask(true, `conversation ${first + index}`)),
      )
      for (const [index, client] of clients.entries()) {
        if (index % 10 === 0) await measure(world, 'spillway_in_flight')
        client.vanish()
      }
    }
    for (let first = 0; first < count; first += 100) await leaveSome(first)
    const rows = await world.rows(count)
    expect(new Set(rows.map(({ outcome }) => outcome))).toEqual(new Set(['aborted']))
    await eventually(() => world.simulator.connections === 0 || undefined, 'all upstream connections to end')
    expect(await world.api.showAccount({ params: { id: 'a' } })).toMatchObject({
      inFlight: 0,
      state: { kind: 'ready' },
    })
    world.simulator.always(keyOf('a'), undefined)
    expect((await world.ask()).status).toBe(200)
  })
})
