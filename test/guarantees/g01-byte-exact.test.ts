/**
 * G1 Byte-exact: bodies go out as they came in and answers come back as they came, save a
 * mapped model. (Headers: g01-headers.test.ts.)
 */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { gzipSync } from 'node:zlib'
import { streamEvents } from '../../src/simulator/events.ts'
import { simulatedMessage } from '../../src/simulator/healthy.ts'
import * as reply from '../../src/simulator/replies.ts'
import { last } from '../support/first.ts'
import { exchange, headerOf, type RawAnswer } from '../support/raw-answer.ts'
import { bodyOf, chunkedRequestBytes, requestBytes } from '../support/requests.ts'
import { keyOf, openWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({
    accounts: [
      'a',
      { name: 'mapped', priority: 1, modelMap: { 'claude-opus-5-5': 'glm/"5"-ü', 'claude-haiku-5-5': 'h' } },
    ],
  })
})
afterAll(() => world.stop())

const received = () => last(world.simulator.received)
const ask = (body: string | Uint8Array): Promise<RawAnswer> => exchange(world.url, requestBytes({ body }))

const TEN_MEGABYTES = 'x'.repeat(10 << 20)
const DEPTH = 100_000

const BODIES: readonly (readonly [what: string, body: string | Buffer])[] = [
  ['unicode of every plane', bodyOf({ system: 'äöü ß 漢字 עברית \u{1f980} \u{10ffff} e\u0301 \u202e' })],
  [
    'escapes that a serializer would undo',
    '{"model":"claude-sonnet-5-5","system":"\\u00e9\\/\\u0041\\u0000\\b","messages":[]}',
  ],
  ['escaped lone surrogates', '{"model":"claude-sonnet-5-5","system":"\\ud800 and \\udfff","messages":[]}'],
  [
    'bytes that are no UTF-8',
    Buffer.from(
      '7b226d6f64656c223a22636c617564652d736f6e6e65742d352d35222c2278223a22fffec0afeda080227d',
      'hex',
    ),
  ],
  [
    'duplicate keys',
    '{"model":"claude-haiku-4-5","max_tokens":1,"model":"claude-sonnet-5-5","max_tokens":2,"messages":[]}',
  ],
  [
    'numbers beyond doubles',
    '{"model":"claude-sonnet-5-5","a":1e400,"b":-0,"c":12345678901234567890,"d":1.0,"e":0.1e-7,"messages":[]}',
  ],
  [
    'odd whitespace',
    '\r\n\t {\t"model"\n:\r"claude-sonnet-5-5" ,\n\n"messages":[ ] , "stream" : false }\r\n \n',
  ],
  [
    'unknown and dangerous names',
    '{"__proto__":{"isAdmin":true},"constructor":{"prototype":1},"model":"claude-sonnet-5-5","toString":null,"":0,"messages":[]}',
  ],
  [
    'a thinking block with its signature',
    bodyOf({
      messages: [
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Hm.', signature: 'EqQB+/=' },
            { type: 'redacted_thinking', data: 'a+/=' },
          ],
        },
      ],
    }),
  ],
  [
    'an attribution block first in system',
    bodyOf({
      system: [
        { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.329; cch=00000;' },
        { type: 'text', text: 'B' },
      ],
    }),
  ],
  ['ten megabytes', bodyOf({ system: TEN_MEGABYTES })],
  [
    'a hundred thousand levels',
    `{"model":"claude-sonnet-5-5","x":${'['.repeat(DEPTH)}${']'.repeat(DEPTH)},"messages":[]}`,
  ],
]

describe('a request’s body', () => {
  it.each(BODIES)('arrives byte for byte: %s', async (_what, body) => {
    const answer = await ask(body)
    expect(answer.status).toBe(200)
    expect(received().body.equals(Buffer.from(body))).toBe(true)
  })

  it.each([1, 7, 4_096])('arrives whole when it was uploaded in chunks of %p bytes', async (size) => {
    const body = bodyOf({ system: 'Grüße \u{1f980}'.repeat(50), stream: true })
    const answer = await exchange(world.url, chunkedRequestBytes(body, size))
    expect(answer.status).toBe(200)
    expect(received().body.toString()).toBe(body)
    expect(
      received().headers.filter(([name]) => name === 'content-length' || name === 'transfer-encoding'),
    ).toEqual([['content-length', String(Buffer.byteLength(body))]])
  })

  it('of an endpoint that is not inference need not be JSON at all', async () => {
    const body = Buffer.from(
      '--b\r\ncontent-disposition: form-data; name="file"\r\n\r\n\u0000\xff\r\n--b--\r\n',
      'latin1',
    )
    const lines = ['content-type: multipart/form-data; boundary=b']
    const answer = await exchange(world.url, requestBytes({ target: '/v1/files', lines, body }))
    expect(answer.status).toBe(200)
    expect(received().body.equals(body)).toBe(true)
  })

  it('keeps its path and query as they were written', async () => {
    const target = '/v1/messages?beta=true&x=%C3%A4+%20&&y=[]%22'
    await exchange(world.url, requestBytes({ target }))
    expect(received().target).toBe(target)
  })

  it.each(['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('keeps the method %s', async (method) => {
    await exchange(world.url, requestBytes({ method, target: '/v1/models', body: '' }))
    expect(received()).toMatchObject({ method, target: '/v1/models' })
  })
})

const EVENTS = streamEvents(simulatedMessage('claude-sonnet-5-5', { number: 1, body: Buffer.alloc(80) }))
const plainStream = (text: string | Buffer, headers: readonly (readonly [string, string])[] = []) =>
  Buffer.concat([
    Buffer.from(
      reply.head(200, [
        ['content-type', 'text/event-stream'],
        ['content-length', String(Buffer.byteLength(text))],
        ...headers,
      ]),
    ),
    Buffer.from(text),
  ])

const STREAMS: readonly (readonly [what: string, text: string])[] = [
  ['as the provider writes it', EVENTS.join('')],
  ['with carriage returns', EVENTS.join('').replaceAll('\n', '\r')],
  ['with both line ends', EVENTS.join('').replaceAll('\n', '\r\n')],
  ['with a byte order mark', `\ufeff${EVENTS.join('')}`],
  [
    'with comments, ids, retries and empty events',
    `: hello\n\nid: 1\nretry: 5\n\n${EVENTS.join(': keep-alive\n\n')}`,
  ],
  [
    'with unknown events and fields',
    `event: novelty\ndata: {"type":"novelty"}\nfoo: bar\n\n${EVENTS.join('')}`,
  ],
  ['with several data lines to an event', EVENTS.join('').replaceAll('"delta":', '\ndata: "delta":')],
  ['with data that are no JSON', EVENTS.join('event: content_block_delta\ndata: {broken\n\n')],
  ['with text after the terminal event', `${EVENTS.join('')}event: postscript\ndata: {}\n\n`],
  [
    'with a megabyte in one event',
    EVENTS.join(`event: content_block_delta\ndata: {"x":"${'y'.repeat(1 << 20)}"}\n\n`),
  ],
]

describe('a streamed answer', () => {
  it.each(STREAMS)('comes back byte for byte: %s', async (_what, text) => {
    world.simulator.script(keyOf('a'), [reply.send(plainStream(text))])
    const answer = await ask(bodyOf({ stream: true }))
    expect(answer).toMatchObject({ status: 200, isWhole: true })
    expect(answer.body.equals(Buffer.from(text))).toBe(true)
    expect(headerOf(answer, 'x-spillway-account')).toBe('a')
  })

  it('comes back byte for byte when it arrives one byte at a time', async () => {
    const simulated = simulatedMessage('claude-sonnet-5-5', { number: 1, body: Buffer.alloc(80) })
    world.simulator.script(keyOf('a'), reply.byByte(reply.stream(simulated)))
    const answer = await ask(bodyOf({ stream: true }))
    expect(answer).toMatchObject({ status: 200, isWhole: true })
    expect(answer.body.toString()).toBe(EVENTS.join(''))
  })

  it('comes back compressed when the provider compressed it unasked', async () => {
    const packed = gzipSync(EVENTS.join(''))
    world.simulator.script(keyOf('a'), [reply.send(plainStream(packed, [['content-encoding', 'gzip']]))])
    const answer = await ask(bodyOf({ stream: true }))
    expect(answer.body.equals(packed)).toBe(true)
    expect(headerOf(answer, 'content-encoding')).toBe('gzip')
  })
})

const ANSWERS: readonly (readonly [what: string, body: Buffer])[] = [
  [
    'odd whitespace and unknown fields',
    Buffer.from(
      ' {\n"type" : "message",\t"novel":{"a":[1e400]},"usage":{"input_tokens":3,"output_tokens":1}}\r\n',
    ),
  ],
  ['bytes that are no UTF-8', Buffer.from('7b2274797065223a22fffe227d', 'hex')],
  ['something that is no JSON', Buffer.from('event: message_start\ndata: {}\n\n')],
  ['five megabytes', Buffer.from(JSON.stringify({ type: 'message', content: 'z'.repeat(5 << 20) }))],
]

describe('a whole answer', () => {
  it.each(ANSWERS)('comes back byte for byte: %s', async (_what, body) => {
    const start = reply.head(200, [
      ['content-type', 'application/json'],
      ['content-length', String(body.length)],
    ])
    world.simulator.script(keyOf('a'), [reply.send(start), reply.send(body)])
    const answer = await ask(bodyOf())
    expect(answer).toMatchObject({ status: 200, isWhole: true })
    expect(answer.body.equals(body)).toBe(true)
  })

  it.each([400, 404, 409, 413, 415, 422])(
    'comes back byte for byte when it is an error (%p)',
    async (status) => {
      const text =
        '{ "type":"error", "error":{"type":"odd_error","message":"container ü \\u00e9"},"request_id":"req_1" }\n'
      world.simulator.always(keyOf('a'), reply.whole(status, text))
      world.simulator.always(keyOf('mapped'), reply.whole(status, text))
      const answer = await ask(bodyOf())
      world.simulator.always(keyOf('a'), undefined)
      world.simulator.always(keyOf('mapped'), undefined)
      expect(answer.status).toBe(status)
      expect(answer.body.toString()).toBe(text)
    },
  )
})

describe('a mapped model', () => {
  const ASKED = '{"messages":[] ,"model" :\t"claude-opus-5-5" , "note":"claude-opus-5-5","stream":false}'

  it('is written over that one value and nothing else', async () => {
    const list = await world.api.listAccounts()
    const a = list.accounts.find(({ name }) => name === 'a')
    await world.api.pauseAccount({ params: { id: a?.id ?? '' } })
    const answer = await ask(ASKED)
    await world.api.resumeAccount({ params: { id: a?.id ?? '' } })
    expect(headerOf(answer, 'x-spillway-account')).toBe('mapped')
    expect(received().body.toString()).toBe(ASKED.replace('"claude-opus-5-5"', '"glm/\\"5\\"-ü"'))
    expect(received().headers.find(([name]) => name === 'content-length')?.[1]).toBe(
      String(received().body.length),
    )
  })

  it('leaves bodies alone on accounts that do not map it', async () => {
    await ask(ASKED)
    expect(received().body.toString()).toBe(ASKED)
  })
})
