/**
 * Faults 74–87 of `faults.md` §5: what clients do. What the tests of G4, G10 and the clients
 * cover whole (74–77, 81, 85) is not repeated here; see test/README.md.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { connect } from 'node:net'
import type { RequestHandler } from '../../src/core/ports/client.ts'
import { streamEvents } from '../../src/simulator/events.ts'
import { simulatedMessage } from '../../src/simulator/healthy.ts'
import * as reply from '../../src/simulator/replies.ts'
import type { Received } from '../../src/simulator/simulator.ts'
import { last, only } from '../support/first.ts'
import { answerOn, exchange, headerOf, parseAnswer } from '../support/raw-answer.ts'
import { connectRaw, type RawClient } from '../support/raw-client.ts'
import { bodyOf, requestBytes } from '../support/requests.ts'
import { echoLength, type ShortServer, startShortServer } from '../support/short-server.ts'
import { within } from '../support/within.ts'
import { eventually, keyOf, openWorld, type World } from '../support/world.ts'

const MESSAGE = '{"type":"message","usage":{"input_tokens":1,"output_tokens":1}}'
const EVENTS = streamEvents(simulatedMessage('claude-sonnet-5-5', { number: 1, body: Buffer.alloc(80) }))
const HEAD = 'POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n'

let world: World | undefined
let server: ShortServer | undefined
afterEach(async () => {
  await world?.stop()
  await server?.stop()
  world = undefined
  server = undefined
})

const open = async (options: Parameters<typeof openWorld>[0] = {}): Promise<World> => {
  world = await openWorld(options)
  return world
}

const begin = (handler: RequestHandler, limits: Parameters<typeof startShortServer>[1]): ShortServer => {
  server = startShortServer(handler, limits)
  return server
}

/** What a client sees that says "that was all from me" and goes on reading, until the other side ends. */
function halfClose(url: string, bytes: Buffer): Promise<string> {
  const { hostname, port } = new URL(url)
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  let text = ''
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece
  })
  socket.on('error', () => {}).on('close', () => resolve(text))
  socket.end(bytes)
  return within(promise, 'the connection to end')
}

describe('row 78: a client that closes its half and goes on reading', () => {
  it('is taken to have left: its upstream is told, and it gets no answer', async () => {
    const { url, simulator, rows } = await open()
    simulator.always(keyOf('a'), [reply.stall])
    expect(await halfClose(url, requestBytes())).toBe('')
    for (const { abandoned } of simulator.received) await abandoned
    expect(only(await rows(1))).toMatchObject({ outcome: 'aborted', status: 0 })
  })
})

describe('row 79: a client that takes nothing', () => {
  const LARGE = Buffer.alloc(64 << 20, 'x')
  const sendLarge: RequestHandler = async (_request, answer) => {
    answer.start(200, [], LARGE.length)
    answer.end(LARGE)
  }
  const ask = async (url: string): Promise<RawClient> => {
    const client = await connectRaw(url)
    client.write('GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')
    await client.when(() => client.size > 1_000)
    return client
  }

  it('is given up after the limit for it, its answer not whole', async () => {
    const client = await ask(begin(sendLarge, { writeStallMs: 200 }).url)
    client.pause()
    await Bun.sleep(2_500)
    client.resume()
    await within(client.ended, 'the connection to end')
    expect(client.size).toBeLessThan(LARGE.length)
  })

  it('and then goes on within the limit gets all of it', async () => {
    const client = await ask(begin(sendLarge, { idleMs: 200, headMs: 200 }).url)
    client.pause()
    await Bun.sleep(2_500)
    client.resume()
    expect(await answerOn(client)).toMatchObject({ status: 200, isWhole: true })
    await within(client.ended, 'the connection to end after its idle time')
  })

  it('gets all of it also when the server is stopped meanwhile', async () => {
    const { url, stop } = begin(sendLarge, {})
    const client = await ask(url)
    client.pause()
    const stopped = stop(30_000)
    await Bun.sleep(100)
    client.resume()
    expect(await answerOn(client)).toMatchObject({ status: 200, isWhole: true })
    client.close()
    await within(stopped, 'the server to stop')
  })
})

/** Writes a byte now and then until the other side has had enough. */
async function drip(client: RawClient, byte: string, ended: Promise<unknown>): Promise<void> {
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  while (!isOver) {
    client.write(byte)
    await Bun.sleep(50)
  }
}

describe('row 80: a client that takes its time', () => {
  const refusal = async (client: RawClient): Promise<number> => {
    await within(client.ended, 'the connection to end')
    return parseAnswer(client.received())?.status ?? 0
  }

  it.each([
    ['which then stops', async () => {}],
    ['which comes byte by byte', (client: RawClient) => drip(client, 'x', client.ended)],
  ])('over its head, %s, gets 408, and the connection ends', async (_how, goOn) => {
    const client = await connectRaw(begin(echoLength, { headMs: 300 }).url)
    client.write('POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a: ')
    const [status] = await Promise.all([refusal(client), goOn(client)])
    expect(status).toBe(408)
    expect(client.text()).toContain('"type":"error"')
  })

  it('over its body, in which it stops, gets 408, and the connection ends', async () => {
    const client = await connectRaw(begin(echoLength, { bodyPauseMs: 300 }).url)
    client.write(`${HEAD}content-length: 1000\r\n\r\n{`)
    expect(await refusal(client)).toBe(408)
  })

  it.each([
    ['of a length', 'content-length: 1000000\r\n\r\n', 'x'],
    ['in chunks', 'transfer-encoding: chunked\r\n\r\n', '1\r\nx\r\n'],
  ])(
    'over a body %s that comes byte by byte gets 408, however steadily it comes',
    async (_how, end, byte) => {
      const client = await connectRaw(begin(echoLength, { bodyMs: 600 }).url)
      client.write(`${HEAD}${end}`)
      const [status] = await Promise.all([refusal(client), drip(client, byte, client.ended)])
      expect(status).toBe(408)
    },
  )

  it('over a body within the limits is served', async () => {
    const client = await connectRaw(begin(echoLength, { bodyPauseMs: 3_000, bodyMs: 60_000 }).url)
    client.write(`${HEAD}content-length: 10\r\n\r\n`)
    for (const byte of '0123456789') {
      client.write(byte)
      await Bun.sleep(120)
    }
    const answer = await answerOn(client)
    expect([answer.status, answer.body.toString()]).toEqual([200, '10'])
    client.close()
  })

  it('and says nothing at all is not waited for', async () => {
    const client = await connectRaw(begin(echoLength, { idleMs: 300 }).url)
    await within(client.ended, 'the connection to end')
    expect(client.size).toBe(0)
  })

  it('between two requests is not waited for', async () => {
    const client = await connectRaw(begin(echoLength, { idleMs: 300 }).url)
    client.write('GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')
    await answerOn(client)
    expect(await within(client.ended, 'the connection to end')).toBeOneOf(['end', 'reset'])
  })
})

describe('row 82: requests that do not wait for their turn', () => {
  const named = (name: string, fields: object = {}): Buffer =>
    requestBytes({ body: bodyOf({ system: name, ...fields }) })
  const nameOf = ({ body }: Received): string => JSON.parse(body.toString()).system
  /** Whoever asks is told its own name. */
  const echo = (request: Received): reply.Reply =>
    reply.whole(200, JSON.stringify({ type: 'message', id: nameOf(request) }))
  const bodies = (text: string): readonly string[] =>
    [...text.matchAll(/\{"type":"message","id":"(\w+)"\}/g)].map(([, id = '']) => id)

  it('are answered one after the other, in their order, each with its own answer', async () => {
    const { url, simulator } = await open()
    const gate = Promise.withResolvers<void>()
    simulator.always(keyOf('a'), (request) =>
      nameOf(request) === 'one' ? [reply.until(gate.promise), ...echo(request)] : echo(request),
    )
    const client = await connectRaw(url)
    client.write(Buffer.concat(['one', 'two', 'three'].map((name) => named(name))))
    await eventually(() => simulator.received[0], 'the first request')
    expect(client.size).toBe(0)
    expect(simulator.received.map(nameOf)).toEqual(['one'])
    gate.resolve()
    await client.until((text) => bodies(text).length === 3)
    expect(bodies(client.text())).toEqual(['one', 'two', 'three'])
    client.close()
  })

  it('come after the last byte of a stream, and not into it', async () => {
    const { url, simulator } = await open()
    simulator.always(keyOf('a'), (request) =>
      nameOf(request) === 'one' ? reply.eventStream(EVENTS) : echo(request),
    )
    const client = await connectRaw(url)
    client.write(Buffer.concat([named('one', { stream: true }), named('two')]))
    const text = await client.until((received) => bodies(received).length === 1)
    expect(text.indexOf('\r\n0\r\n\r\nHTTP/1.1 200')).toBeGreaterThan(text.indexOf('event: message_stop'))
    client.close()
  })

  it('are not served after one that said it was the last', async () => {
    const { url, simulator } = await open()
    const client = await connectRaw(url)
    const lastOne = requestBytes({ lines: ['connection: close'], body: bodyOf({ system: 'one' }) })
    client.write(Buffer.concat([lastOne, named('two')]))
    expect(await answerOn(client)).toMatchObject({ status: 200 })
    await within(client.ended, 'the connection to end')
    expect(simulator.received.map(nameOf)).toEqual(['one'])
  })

  it('are not kept when they are many: the first is answered, and the connection ends', async () => {
    const { url, simulator, api } = await open()
    const gate = Promise.withResolvers<void>()
    simulator.always(keyOf('a'), [reply.until(gate.promise), ...reply.whole(200, MESSAGE)])
    const client = await connectRaw(url)
    client.write(named('one'))
    await eventually(() => simulator.received[0], 'the first request')
    client.write(Buffer.concat(Array.from({ length: 10 }, () => named('x'.repeat(50_000)))))
    // By the time that others have been answered, the server has seen all of this.
    for (let count = 0; count < 20; count++) await api.health()
    gate.resolve()
    const answer = await answerOn(client)
    expect(answer).toMatchObject({ status: 200, isWhole: true })
    expect(headerOf(answer, 'connection')).toBe('close')
    await within(client.ended, 'the connection to end')
    expect(simulator.received.map(nameOf)).toEqual(['one'])
  })

  it.each([
    ['too large', 'content-length: 100000', 413, {}],
    ['without a key', 'content-length: 5000', 401, { requireKeys: 'always' }],
  ])(
    'are never read out of the body of one that was refused (%s)',
    async (_why, length, status, settings) => {
      const { url, simulator, adminToken, api } = await open({
        settings: { maxBodyBytes: 50_000, ...settings },
      })
      const hidden = `DELETE /api/accounts/a HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${adminToken}\r\n\r\n`
      const client = await connectRaw(url)
      client.write(`${HEAD}${length}\r\n\r\n${hidden}`)
      const answer = await answerOn(client)
      expect(answer).toMatchObject({ status, isWhole: true })
      expect(headerOf(answer, 'connection')).toBe('close')
      client.write(hidden)
      await within(client.ended, 'the connection to end')
      expect(client.text().match(/HTTP\/1\.1 /g)).toHaveLength(1)
      expect((await api.listAccounts()).accounts).toHaveLength(1)
      expect(simulator.received).toEqual([])
    },
  )
})

describe('row 83: a client that asks again after our failure', () => {
  it('is served by the same account, without streaming too, and each request has its row', async () => {
    const { ask, simulator, rows } = await open({ accounts: ['a', 'b'], settings: { retryDelayMs: 0 } })
    const session = { 'x-claude-code-session-id': 's-1', 'x-stainless-retry-count': '0' }
    const first = await ask({ stream: true }, session)
    await first.text()
    const account = first.headers.get('x-spillway-account') ?? ''
    simulator.script(keyOf(account), reply.brokenStream(EVENTS.slice(0, 4), [reply.wait(30), reply.reset]))
    await expect(ask({ stream: true }, session).then((answer) => answer.text())).rejects.toThrow()
    for (const stream of [true, false]) {
      const again = await ask({ stream }, session)
      expect(again.headers.get('x-spillway-account')).toBe(account)
      await again.text()
    }
    const booked = await rows(4)
    expect(booked.map(({ outcome }) => outcome)).toEqual(['ok', 'truncated', 'ok', 'ok'])
    expect(new Set(booked.map(({ id }) => id)).size).toBe(4)
    expect(new Set(booked.map((row) => row.session))).toEqual(new Set(['s-1']))
  })
})

describe('row 84: an answer that is not streamed and takes minutes', () => {
  it('has longer than the ten minutes that clients wait', async () => {
    const { api } = await open()
    const { settings } = await api.showConfig()
    const total = settings.find(({ name }) => name === 'totalTimeoutMs')
    expect(Number(total?.value)).toBeGreaterThan(600_000)
  })

  it('is not cut off by any limit for clients that do nothing', async () => {
    const slow: RequestHandler = async (request, answer) => {
      await request.body(1_000)
      await Bun.sleep(2_500)
      answer.start(200, [], 2)
      answer.end(Buffer.from('ok'))
    }
    const limits = { headMs: 200, idleMs: 200, bodyPauseMs: 200, bodyMs: 200, writeStallMs: 200 }
    const answer = await exchange(begin(slow, limits).url, requestBytes({ body: '{}' }))
    expect(answer).toMatchObject({ status: 200, isWhole: true })
  })
})

describe('row 86: fourteen counts of tokens at once', () => {
  it('are spread to another account when one throttles them, and cost nothing', async () => {
    const { post, simulator, rows } = await open({ accounts: ['a', { name: 'b', priority: 1 }] })
    simulator.always(keyOf('a'), reply.throttled(30))
    const answers = await Promise.all(
      Array.from({ length: 14 }, (_, part) =>
        post('/v1/messages/count_tokens', bodyOf({ system: `part ${part}` })),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    const booked = await rows(14)
    expect(new Set(booked.map(({ account }) => account))).toEqual(new Set(['b']))
    expect(booked.map(({ costUsd, inputTokens }) => [costUsd, inputTokens])).toEqual(booked.map(() => [0, 0]))
  })
})

describe('row 87: a request that is none of HTTP/1.1', () => {
  const HOST = 'host: 127.0.0.1\r\n'

  it.each([
    ['HTTP/1.0', `POST /v1/messages HTTP/1.0\r\n${HOST}content-length: 0\r\n\r\n`, 505],
    ['HTTP/1.0 without a host', 'GET / HTTP/1.0\r\n\r\n', 505],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
    ['HTTP/0.9', 'GET /\r\n\r\n', 400],
    ['another protocol', `GET / ICE/1.0\r\n${HOST}\r\n`, 400],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two hosts', `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`, 400],
    ['an absolute target', `GET http://127.0.0.1/ HTTP/1.1\r\n${HOST}\r\n`, 400],
    ['an authority for its target', `GET 127.0.0.1:80 HTTP/1.1\r\n${HOST}\r\n`, 400],
    ['a star for its target', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, 400],
    ['a method in small letters', `get / HTTP/1.1\r\n${HOST}\r\n`, 400],
    ['a TLS greeting', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\r\n\r\n', 400],
    ['nothing but spaces', '   \r\n\r\n', 400],
  ])('(%s) is refused in the client’s dialect, and the connection ends', async (_what, text, status) => {
    const { url, simulator } = await open()
    const client = await connectRaw(url)
    client.write(text)
    const answer = await answerOn(client)
    expect(answer).toMatchObject({ status, isWhole: true })
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      type: 'error',
      error: { message: expect.stringMatching(/\w/) },
    })
    expect(headerOf(answer, 'connection')).toBe('close')
    await within(client.ended, 'the connection to end')
    expect(simulator.received).toEqual([])
    expect(last(await within(Promise.all([fetch(`${url}/health`)]), 'health')).status).toBe(200)
  })
})
