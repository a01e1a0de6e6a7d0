/**
 * G10 Bounded memory: a slow client slows its upstream down, bodies have a limit, and neither
 * many slow clients nor many requests make the gateway grow.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { streamEvents } from '../../src/simulator/events.ts'
import { simulatedMessage } from '../../src/simulator/healthy.ts'
import * as reply from '../../src/simulator/replies.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { only } from '../support/first.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { answerOn, exchange, headerOf } from '../support/raw-answer.ts'
import { connectRaw } from '../support/raw-client.ts'
import { bodyOf, requestBytes } from '../support/requests.ts'
import { eventually, keyOf, openWorld, type World } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

const MEGABYTE = 1 << 20
/** What the kernels’ buffers of three hops may take, and what the gateway holds of one answer. */
const MOST_UNDER_WAY = 32 * MEGABYTE
const EVENTS = streamEvents(simulatedMessage('claude-sonnet-5-5', { number: 1, body: Buffer.alloc(80) }))
const BIG = `event: content_block_delta\ndata: {"type":"content_block_delta","x":"${'y'.repeat(MEGABYTE)}"}\n\n`

/** A stream without an end, and how many bytes of it have been taken so far. */
function endless() {
  const counted = { bytes: 0 }
  function* stream() {
    yield* reply.brokenStream(EVENTS.slice(0, 3), [])
    for (;;) {
      yield reply.send(reply.chunk(BIG))
      counted.bytes += BIG.length
    }
  }
  return { stream, counted }
}

/** Resolves once a number has stayed the same for as long as buffers need to fill. */
const settled = (read: () => number): Promise<number> => {
  let before = -1
  let since = performance.now()
  return eventually(() => {
    const now = read()
    if (now !== before) since = performance.now()
    before = now
    return now > 0 && performance.now() - since > 250 ? now : undefined
  }, 'the upstream to be stopped')
}

describe('a client that stops reading', () => {
  it('stops its upstream, which goes on when the client does', async () => {
    world = await openWorld()
    const { stream, counted } = endless()
    world.simulator.always(keyOf('a'), stream)
    const client = await connectRaw(world.url)
    client.write(requestBytes({ body: bodyOf({ stream: true }) }))
    await client.until((text) => text.includes('message_start'))
    client.pause()
    const sent = await settled(() => counted.bytes)
    expect(sent - client.size).toBeLessThan(MOST_UNDER_WAY)
    client.resume()
    await eventually(() => counted.bytes > sent + 4 * MEGABYTE || undefined, 'the upstream to go on')
    client.vanish()
    expect(only(await world.rows(1))).toMatchObject({ outcome: 'aborted' })
  })

  it('gets every byte of its answer later, although the upstream has long been done', async () => {
    world = await openWorld({ settings: { idleTimeoutMs: 1_000 } })
    const events = [...EVENTS.slice(0, 5), ...Array.from({ length: 24 }, () => BIG), ...EVENTS.slice(5)]
    world.simulator.always(keyOf('a'), [...reply.eventStream(events), reply.close])
    const client = await connectRaw(world.url)
    client.write(requestBytes({ body: bodyOf({ stream: true }) }))
    await client.until((text) => text.includes('message_start'))
    client.pause()
    await settled(() => client.size)
    client.resume()
    const answer = await answerOn(client)
    expect(answer.isWhole).toBe(true)
    expect(answer.body.equals(Buffer.from(events.join('')))).toBe(true)
    expect(only(await world.rows(1))).toMatchObject({ outcome: 'ok', usageComplete: true })
  })

  it('of a whole answer stops its upstream too', async () => {
    world = await openWorld()
    const counted = { bytes: 0 }
    world.simulator.always(keyOf('a'), function* () {
      yield reply.send(
        reply.head(200, [
          ['content-type', 'application/json'],
          ['content-length', '999999999'],
        ]),
      )
      for (;;) {
        yield reply.send('z'.repeat(MEGABYTE))
        counted.bytes += MEGABYTE
      }
    })
    const client = await connectRaw(world.url)
    client.write(requestBytes())
    await client.until((text) => text.includes('zzz'))
    client.pause()
    const sent = await settled(() => counted.bytes)
    expect(sent - client.size).toBeLessThan(MOST_UNDER_WAY)
    client.vanish()
    await eventually(() => world.simulator.connections === 0 || undefined, 'the upstream to be told')
  })
})

describe('a request’s body', () => {
  const open = async () => {
    world = await openWorld({ settings: { maxBodyBytes: 4_096 } })
  }
  const exactly = (size: number): string =>
    bodyOf({ system: 'x'.repeat(size - bodyOf({ system: '' }).length) })
  const HEAD = 'POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n'

  it('of exactly the limit passes', async () => {
    await open()
    expect(await exchange(world.url, requestBytes({ body: exactly(4_096) }))).toMatchObject({ status: 200 })
    expect(only(world.simulator.received).body.length).toBe(4_096)
  })

  it('of one byte more is refused with a clear message, and has a row', async () => {
    await open()
    const answer = await exchange(world.url, requestBytes({ body: exactly(4_097) }))
    expect(answer.status).toBe(413)
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      type: 'error',
      error: { type: 'request_too_large', message: expect.stringContaining('4096 bytes') },
      request_id: headerOf(answer, 'x-spillway-request-id'),
    })
    expect(world.simulator.received).toEqual([])
    expect(only(await world.rows(1))).toMatchObject({ status: 413, outcome: 'client-error', attempts: [] })
  })

  it('that announces too much is refused before it is sent, and the connection ends', async () => {
    await open()
    const client = await connectRaw(world.url)
    client.write(`${HEAD}content-length: 2000000000\r\n\r\n{"model":`)
    const answer = await answerOn(client)
    expect(answer).toMatchObject({ status: 413, isWhole: true })
    expect(headerOf(answer, 'connection')).toBe('close')
    await client.ended
  })

  it('that never ends is refused at the limit, and the connection ends', async () => {
    await open()
    const client = await connectRaw(world.url)
    client.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`)
    for (let count = 0; count < 10; count++) client.write(reply.chunk('x'.repeat(1_000)))
    const answer = await answerOn(client)
    expect(answer).toMatchObject({ status: 413, isWhole: true })
    await client.ended
    expect(world.simulator.received).toEqual([])
  })

  it('to the admin API has a limit of its own', async () => {
    await open()
    const answer = await world.admin('/api/accounts', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'x'.repeat(2 * MEGABYTE) }),
    })
    expect(answer.status).toBe(413)
  })
})

describe('the process', () => {
  it('does not grow with slow clients, nor with requests', async () => {
    world = await openWorld()
    const directory = mkdtempSync(join(tmpdir(), 'spillway-memory-'))
    const simulator = startSimulator({ keeps: 0 })
    const child = await startGatewayProcess({ dataDirectory: directory })
    await child.api.addAccount({
      body: { name: 'a', provider: 'console', apiKey: keyOf('a'), baseUrl: simulator.url },
    })
    const askOften = async (count: number) => {
      for (let done = 0; done < count; done += 100) {
        await Promise.all(
          Array.from({ length: 100 }, (_, index) =>
            exchange(
              child.url,
              requestBytes({ body: bodyOf({ stream: index % 2 === 0, system: `c${done + index}` }) }),
            ),
          ),
        )
      }
    }
    const memory = async () => (await child.api.system()).memoryBytes
    await askOften(2_000)
    const warm = await memory()
    await askOften(3_000)
    expect((await memory()) - warm).toBeLessThan(32 * MEGABYTE)

    const { stream, counted } = endless()
    simulator.always(keyOf('a'), stream)
    const clients = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const client = await connectRaw(child.url)
        client.write(requestBytes({ body: bodyOf({ stream: true, system: `slow ${index}` }) }))
        await client.until((text) => text.includes('message_start'))
        client.pause()
        return client
      }),
    )
    await settled(() => counted.bytes)
    expect((await memory()) - warm).toBeLessThan(96 * MEGABYTE)
    for (const client of clients) client.vanish()
    await eventually(async () => {
      const { accounts } = await child.api.listAccounts()
      return accounts.every((account) => account.inFlight === 0) || undefined
    }, 'every upstream to be told')
    await child.kill()
    simulator.stop()
    rmSync(directory, { recursive: true, force: true })
  })
})
