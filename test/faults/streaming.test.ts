/** Faults 52–73 of `faults.md` §4: while the answer streams. (69–71 are about HTTP/2.) */
import { afterEach, describe, expect, it } from 'bun:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { errorEvent, event, PING, streamEvents } from '../../src/simulator/events.ts'
import { simulatedMessage } from '../../src/simulator/healthy.ts'
import * as reply from '../../src/simulator/replies.ts'
import { last, only } from '../support/first.ts'
import { answerOn, exchange, headerOf, parseAnswer } from '../support/raw-answer.ts'
import { connectRaw } from '../support/raw-client.ts'
import { hasHead, startRawUpstream } from '../support/raw-upstream.ts'
import { bodyOf, requestBytes } from '../support/requests.ts'
import { within } from '../support/within.ts'
import { keyOf, openWorld, type World } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

const MESSAGE = simulatedMessage('claude-sonnet-5-5', { number: 1, body: Buffer.alloc(800) })
const EVENTS = streamEvents(MESSAGE)
const WHOLE = EVENTS.join('')
const PART = EVENTS.slice(0, 4)
const USAGE = { inputTokens: 100, outputTokens: 12, cacheReadTokens: 100 }
const two = ['a', { name: 'b', priority: 1 }]

const open = async (broken: Iterable<reply.Action>, plan: Parameters<typeof openWorld>[0] = {}) => {
  world = await openWorld({ accounts: two, ...plan, settings: { retryDelayMs: 0, ...plan.settings } })
  world.simulator.always(keyOf('a'), broken)
}
const ask = (stream = true) => exchange(world.url, requestBytes({ body: bodyOf({ stream }) }))
const row = async () => only(await world.rows(1))
const account = () => world.api.showAccount({ params: { id: 'a' } })

const streamHead = (...headers: readonly (readonly [string, string])[]) =>
  reply.send(reply.head(200, [['content-type', 'text/event-stream'], ...headers]))
/** A stream that is one piece and ends with its length. */
const inOne = (bytes: string | Buffer, ...headers: readonly (readonly [string, string])[]): reply.Reply => [
  streamHead(['content-length', String(Buffer.byteLength(bytes))], ...headers),
  reply.send(bytes),
]

describe('row 52: a head and then nothing', () => {
  it.each([
    ['an orderly end', [streamHead(), reply.close]],
    ['a reset', [streamHead(['transfer-encoding', 'chunked']), reply.reset]],
    ['no event at all', [streamHead(['transfer-encoding', 'chunked']), reply.send(reply.LAST_CHUNK)]],
    ['pings and an end', reply.brokenStream([PING, PING], [reply.close])],
    ['message_start and an end', reply.brokenStream(EVENTS.slice(0, 1), [reply.send(reply.LAST_CHUNK)])],
  ])('(%s) is another account’s chance', async (_what, broken) => {
    await open(broken)
    const answer = await ask()
    expect(headerOf(answer, 'x-spillway-account')).toBe('b')
    expect(answer).toMatchObject({ status: 200, isWhole: true })
    expect(await account()).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
  })

  it('when nobody else is left is an error, not an empty success', async () => {
    await open([streamHead(), reply.close], { accounts: ['a'] })
    expect(await ask()).toMatchObject({ status: 503 })
    expect(await row()).toMatchObject({ outcome: 'upstream-error' })
  })
})

describe('row 53: an error as the first event', () => {
  const STARTS: readonly (readonly string[])[] = [
    [],
    [PING],
    EVENTS.slice(0, 1),
    [...EVENTS.slice(0, 1), PING, PING],
  ]

  it.each(STARTS)('is another account’s chance (after %j)', async (...start) => {
    await open(reply.eventStream([...start, errorEvent('overloaded_error', 'Overloaded')]))
    const answer = await ask()
    expect(headerOf(answer, 'x-spillway-account')).toBe('b')
    expect(answer.body.toString()).not.toContain('Overloaded')
    expect((await row()).attempts).toMatchObject([
      { account: 'a', failure: 'overloaded' },
      { account: 'b', status: 200 },
    ])
  })

  it('from everybody is judged like the status it stands for, and is no success', async () => {
    await open(reply.errorFirst('overloaded_error', 'Overloaded'), { accounts: ['a'] })
    expect(await ask()).toMatchObject({ status: 503 })
    expect(await row()).toMatchObject({ outcome: 'upstream-error', usageComplete: false })
  })

  it('that is the request’s own fault is relayed byte for byte', async () => {
    const text = errorEvent('invalid_request_error', 'prompt is too long: 3 tokens > 2 maximum')
    await open(reply.eventStream([text]))
    const answer = await ask()
    expect(answer.body.toString()).toBe(text)
    expect(world.simulator.received).toHaveLength(1)
  })
})

describe('row 54: an error event after content', () => {
  it('is relayed byte for byte, ends in order and is no success', async () => {
    const sent = [...PART, errorEvent('overloaded_error', 'Overloaded')]
    await open(reply.eventStream(sent))
    const answer = await ask()
    expect(answer).toMatchObject({ status: 200, isWhole: true })
    expect(answer.body.toString()).toBe(sent.join(''))
    expect(await row()).toMatchObject({ outcome: 'upstream-error', usageComplete: false, inputTokens: 100 })
    expect(world.simulator.received).toHaveLength(1)
  })
})

describe('rows 55–58: a stream that breaks off', () => {
  it.each([
    [
      'row 55: a reset in the middle of an event',
      [reply.send(reply.chunk('event: content_bl')), reply.wait(30), reply.reset],
      'reset',
    ],
    [
      'row 56: an orderly end in the middle of a chunk',
      [reply.send('400\r\nevent: '), reply.wait(30), reply.close],
      'early',
    ],
    [
      'row 57: a clean end without message_stop',
      [reply.send(reply.LAST_CHUNK), reply.close],
      'terminal event',
    ],
    ['row 58: silence', [reply.stall], 'silent'],
  ])('%s is truncated', async (_what, then, words) => {
    await open(reply.brokenStream(PART, then), { settings: { idleTimeoutMs: 150 } })
    const answer = await ask()
    expect(answer).toMatchObject({ status: 200, isWhole: false, ended: expect.any(String) })
    expect(answer.body.toString()).toStartWith(PART.join(''))
    expect(await row()).toMatchObject({
      outcome: 'truncated',
      usageComplete: false,
      inputTokens: 100,
      error: expect.stringContaining(words),
    })
    expect(world.simulator.received).toHaveLength(1)
    await only(world.simulator.received).abandoned
  })
})

describe('row 59: only pings', () => {
  it('after content are life: they pass, and nobody gives up', async () => {
    const pings = Array.from({ length: 12 }, () => [reply.wait(40), reply.send(reply.chunk(PING))]).flat()
    const rest = EVENTS.slice(4).map((each) => reply.send(reply.chunk(each)))
    await open(reply.brokenStream(PART, [...pings, ...rest, reply.send(reply.LAST_CHUNK)]), {
      settings: { idleTimeoutMs: 200, contentTimeoutMs: 200 },
    })
    const answer = await ask()
    expect(answer).toMatchObject({ status: 200, isWhole: true })
    expect(answer.body.toString().split('event: ping')).toHaveLength(13)
  })

  it('before content reach the client once its stream has been held long enough', async () => {
    function* pings() {
      yield* reply.brokenStream(EVENTS.slice(0, 1), [])
      for (;;) {
        yield reply.wait(20)
        yield reply.send(reply.chunk(PING))
      }
    }
    await open(pings(), { settings: { holdMs: 80 } })
    const client = await connectRaw(world.url)
    client.write(requestBytes({ body: bodyOf({ stream: true }) }))
    await within(
      client.until((text) => text.split('event: ping').length > 4),
      'pings',
    )
    expect(client.text()).toContain('event: message_start')
    client.close()
  })

  it('or not even pings: what is there reaches the client when it has been held long enough', async () => {
    await open(reply.brokenStream(EVENTS.slice(0, 1), [reply.stall]), { settings: { holdMs: 80 } })
    const client = await connectRaw(world.url)
    client.write(requestBytes({ body: bodyOf({ stream: true }) }))
    await within(
      client.until((text) => text.includes('event: message_start')),
      'message_start',
      3_000,
    )
    client.close()
  })
})

describe('row 60: a drip', () => {
  it('passes drop by drop, nothing is collected', async () => {
    const gates = EVENTS.map(() => Promise.withResolvers<void>())
    const actions = EVENTS.flatMap((each, index) => [
      reply.until(gates[index]?.promise ?? Promise.resolve()),
      reply.send(reply.chunk(each)),
    ])
    await open([streamHead(['transfer-encoding', 'chunked']), ...actions, reply.send(reply.LAST_CHUNK)])
    const client = await connectRaw(world.url)
    client.write(requestBytes({ body: bodyOf({ stream: true }) }))
    for (const [index, gate] of gates.entries()) {
      gate.resolve()
      const isHeld = index === 0
      const expected = EVENTS.slice(0, index + 1).join('')
      if (!isHeld)
        await within(
          client.until(() => parseAnswer(client.received())?.body.toString() === expected),
          `event ${index}`,
        )
    }
    expect(await answerOn(client)).toMatchObject({ isWhole: true })
    client.close()
  })
})

describe('row 61: pieces of any size', () => {
  it.each([
    ['one byte each', reply.byByte(reply.stream(MESSAGE))],
    [
      'all in one segment',
      [
        reply.send(
          reply
            .stream(MESSAGE)
            .map((action) => (action.kind === 'send' ? action.bytes : ''))
            .join(''),
        ),
      ],
    ],
    [
      'one chunk for each character',
      [
        streamHead(['transfer-encoding', 'chunked']),
        ...[...WHOLE].map((character) => reply.send(reply.chunk(character))),
        reply.send(reply.LAST_CHUNK),
      ],
    ],
    ['one chunk for all', reply.eventStream([WHOLE])],
  ])('(%s) give the same bytes and the same usage', async (_what, actions) => {
    await open(actions)
    expect((await ask()).body.toString()).toBe(WHOLE)
    expect(await row()).toMatchObject({ ...USAGE, outcome: 'ok', usageComplete: true })
  })
})

describe('row 62: odd but legal event streams', () => {
  it.each([
    ['CR', WHOLE.replaceAll('\n', '\r')],
    ['CRLF', WHOLE.replaceAll('\n', '\r\n')],
    ['a byte order mark', `\ufeff${WHOLE}`],
    ['comments', EVENTS.map((each) => `: keep-alive\n${each}`).join(': more\n\n')],
    ['data in several lines', WHOLE.replaceAll('"usage":', '\ndata: "usage":')],
    ['no space after the colon', WHOLE.replaceAll('event: ', 'event:').replaceAll('data: ', 'data:')],
    ['unknown events and fields', EVENTS.join('event: novelty\ndata: {"a":1}\nid: 7\nretry: 1\nodd\n\n')],
  ])('with %s give the same bytes and the same usage', async (_what, text) => {
    await open(inOne(text))
    expect((await ask()).body.toString()).toBe(text)
    expect(await row()).toMatchObject({ ...USAGE, outcome: 'ok', usageComplete: true })
  })

  it('an event of ten megabytes passes; what cannot be read for its size is not claimed to be', async () => {
    const [start = '', ...rest] = EVENTS
    const huge = event('content_block_delta', {
      index: 0,
      delta: { type: 'text_delta', text: 'x'.repeat(10 << 20) },
    })
    const text = [start, ...rest.slice(0, 2), huge, ...rest.slice(2)].join('')
    await open(reply.eventStream([text]))
    const answer = await ask()
    expect(answer.isWhole).toBe(true)
    expect(answer.body.equals(Buffer.from(text))).toBe(true)
    expect(await row()).toMatchObject({ outcome: 'ok', inputTokens: 100 })
  })

  it('a wanted event that is too large to be read passes too, and usage says that it is not complete', async () => {
    const huge = event('message_delta', { delta: { x: 'x'.repeat(3 << 20) }, usage: { output_tokens: 12 } })
    const text = [...EVENTS.slice(0, -2), huge, ...EVENTS.slice(-1)].join('')
    await open(reply.eventStream([text]))
    const answer = await ask()
    expect(answer).toMatchObject({ status: 200, isWhole: true })
    expect(answer.body.length).toBe(text.length)
    expect(await row()).toMatchObject({ outcome: 'ok', usageComplete: false })
  })
})

describe('row 63: data that cannot be read', () => {
  it.each([
    ['no JSON', Buffer.from(EVENTS.join('event: message_delta\ndata: {broken\n\n'))],
    [
      'no UTF-8',
      Buffer.concat([
        Buffer.from(PART.join('')),
        Buffer.from('event: content_block_delta\ndata: {"\xff\xfe":"\xc0"}\n\n', 'latin1'),
        Buffer.from(EVENTS.slice(4).join('')),
      ]),
    ],
    [
      'JSON of another shape',
      Buffer.from(EVENTS.join('event: message_delta\ndata: [null]\n\nevent: message_start\ndata: "x"\n\n')),
    ],
  ])('(%s) passes byte for byte', async (_what, bytes) => {
    await open(inOne(bytes))
    const answer = await ask()
    expect(answer).toMatchObject({ status: 200, isWhole: true })
    expect(answer.body.equals(bytes)).toBe(true)
    expect(await row()).toMatchObject({ outcome: 'ok', outputTokens: 12 })
  })
})

describe('row 64: events in odd numbers', () => {
  const delta = (tokens: unknown) =>
    event('message_delta', { delta: {}, usage: { output_tokens: tokens, input_tokens: null } })

  it.each([
    [
      'cumulative counts, of which the last holds',
      [...PART, delta(3), delta(7), delta(40), ...EVENTS.slice(-1)],
      { outputTokens: 40, inputTokens: 100 },
    ],
    ['message_start twice', [...EVENTS.slice(0, 1), ...EVENTS], { ...USAGE }],
    [
      'no usage at the end',
      [...EVENTS.slice(0, -2), event('message_delta', { delta: {} }), ...EVENTS.slice(-1)],
      { outputTokens: 1, inputTokens: 100 },
    ],
    [
      'a count that is none',
      [...EVENTS.slice(0, -1), delta('many'), delta(-1), ...EVENTS.slice(-1)],
      { ...USAGE },
    ],
    [
      'blocks out of order',
      [...EVENTS.slice(0, 1), ...EVENTS.slice(1, -2).toReversed(), ...EVENTS.slice(-2)],
      { ...USAGE },
    ],
  ])('(%s) pass as they are and are counted right', async (_what, events, usage) => {
    await open(reply.eventStream(events))
    expect((await ask()).body.toString()).toBe(events.join(''))
    expect(await row()).toMatchObject({ outcome: 'ok', ...usage })
  })
})

describe('row 65: a compressed answer', () => {
  const JSON_TEXT = JSON.stringify({
    type: 'message',
    usage: { input_tokens: 100, output_tokens: 12, cache_read_input_tokens: 100 },
  })
  const CODERS: readonly (readonly [string, (text: string) => Buffer])[] = [
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['deflate', deflateSync],
  ]

  it.each(CODERS)('in %s passes as it is, and is read from a copy', async (encoding, code) => {
    for (const [text, stream] of [
      [WHOLE, true],
      [JSON_TEXT, false],
    ] as const) {
      await open(inOne(code(text), ['content-encoding', encoding]))
      if (!stream) {
        world.simulator.always(keyOf('a'), [
          reply.send(
            reply.head(200, [
              ['content-type', 'application/json'],
              ['content-encoding', encoding],
              ['content-length', String(code(text).length)],
            ]),
          ),
          reply.send(code(text)),
        ])
      }
      const answer = await ask(stream)
      expect(answer.body.equals(code(text))).toBe(true)
      expect(headerOf(answer, 'content-encoding')).toBe(encoding)
      expect(await row()).toMatchObject({ outcome: 'ok', ...USAGE })
      if (stream) await world.stop()
    }
  })

  it('in a code that nobody knows passes, and its usage is not claimed', async () => {
    await open(inOne('whatever', ['content-encoding', 'snappy']))
    expect((await ask()).body.toString()).toBe('whatever')
    expect(await row()).toMatchObject({ outcome: 'ok', usageComplete: false, outputTokens: 0 })
  })

  it('that breaks off inside is truncated', async () => {
    const packed = gzipSync(WHOLE)
    await open([
      streamHead(['content-encoding', 'gzip'], ['transfer-encoding', 'chunked']),
      reply.send(`${packed.length.toString(16)}\r\n`),
      reply.send(packed.subarray(0, 100)),
      reply.wait(30),
      reply.reset,
    ])
    expect(await ask()).toMatchObject({ status: 200, isWhole: false })
    expect(await row()).toMatchObject({ outcome: 'truncated' })
  })
})

describe('row 66: fewer bytes than announced', () => {
  it.each([true, false])('never look like a whole answer (stream: %p)', async (stream) => {
    const head = reply.head(200, [
      ['content-type', stream ? 'text/event-stream' : 'application/json'],
      ['content-length', '5000'],
    ])
    await open([reply.send(head), reply.send(PART.join('')), reply.wait(30), reply.close])
    expect(await ask(stream)).toMatchObject({ status: 200, isWhole: false })
    expect(await row()).toMatchObject({ outcome: 'truncated' })
  })
})

describe('row 67: more bytes than announced', () => {
  it('never reach anybody, and the connection is not used again', async () => {
    const body = '{"type":"message"}'
    const surplus = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n"stolen!"'
    const provider = startRawUpstream(async (connection) => {
      await connection.until(hasHead)
      connection.send(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}${surplus}`,
      )
    })
    world = await openWorld({ accounts: [{ name: 'a', baseUrl: provider.url }] })
    for (let count = 0; count < 3; count++) expect((await ask(false)).body.toString()).toBe(body)
    expect(provider.connections).toHaveLength(3)
    await within(last(provider.connections).gone, 'the connection to end')
    provider.stop()
  })

  it('that come late, on an idle connection, never reach anybody either', async () => {
    const body = '{"type":"message"}'
    const provider = startRawUpstream(async (connection) => {
      await connection.until(hasHead)
      connection.send(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      )
    })
    world = await openWorld({ accounts: [{ name: 'a', baseUrl: provider.url }] })
    expect((await ask(false)).body.toString()).toBe(body)
    const [idle] = provider.connections
    idle?.send('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"stolen!"')
    await within(idle?.gone ?? Promise.reject(new Error('no connection')), 'the idle connection to end')
    expect((await ask(false)).body.toString()).toBe(body)
    expect(provider.connections).toHaveLength(2)
    provider.stop()
  })
})

describe('row 68: trailers', () => {
  it('are dropped, and never become headers', async () => {
    const [head = reply.close, ...rest] = reply.stream(MESSAGE, [], [['trailer', 'x-checksum']])
    await open([head, ...rest.slice(0, -1), reply.send('0\r\nx-checksum: abc\r\nset-cookie: a=b\r\n\r\n')])
    const client = await connectRaw(world.url)
    client.write(requestBytes({ body: bodyOf({ stream: true }) }))
    const answer = await answerOn(client)
    expect(answer).toMatchObject({ status: 200, isWhole: true })
    expect(answer.body.toString()).toBe(WHOLE)
    expect(client.text()).not.toMatch(/x-checksum|set-cookie|trailer/i)
    client.close()
  })
})

describe('row 72: an upstream that does not end after message_stop', () => {
  it('has served its answer: the client gets all of it at once, its end soon, and the upstream is ended', async () => {
    await open(reply.brokenStream(EVENTS, [reply.stall]))
    const client = await connectRaw(world.url)
    client.write(requestBytes({ body: bodyOf({ stream: true }) }))
    await client.until((text) => text.includes('event: message_stop'))
    const id =
      headerOf(parseAnswer(client.received()) ?? (await answerOn(client)), 'x-spillway-request-id') ?? ''
    expect(await world.api.showRequest({ params: { id } })).toMatchObject({
      outcome: 'ok',
      usageComplete: true,
    })
    const answer = await answerOn(client)
    expect(answer).toMatchObject({ status: 200, isWhole: true })
    expect(answer.body.toString()).toBe(WHOLE)
    await only(world.simulator.received).abandoned
    client.close()
  })
})
