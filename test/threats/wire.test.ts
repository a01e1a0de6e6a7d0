/**
 * Threats 6, 7, 16 and 37 of `faults.md`: bytes that are read in two ways, texts that want to
 * be headers or log lines, and whatever makes a careless program throw.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import * as reply from '../../src/simulator/replies.ts'
import { last, only } from '../support/first.ts'
import { exchange, headerOf, parseAnswer } from '../support/raw-answer.ts'
import { connectRaw } from '../support/raw-client.ts'
import { bodyOf, requestBytes } from '../support/requests.ts'
import { within } from '../support/within.ts'
import { keyOf, openWorld, type World } from '../support/world.ts'

let world: World

const START = 'POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\n'
const HIDDEN = 'GET /v1/smuggled HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n'
const CHUNKED = `0\r\n\r\n${HIDDEN}`

/** Each would hide a second request behind a first one from somebody who reads it otherwise. */
const SMUGGLED: readonly (readonly [what: string, text: string])[] = [
  ['a length and chunks', `${START}content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n${CHUNKED}`],
  ['chunks and a length', `${START}transfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n${CHUNKED}`],
  ['two lengths', `${START}content-length: 0\r\ncontent-length: 44\r\n\r\n${HIDDEN}`],
  ['the same length twice', `${START}content-length: 0\r\ncontent-length: 0\r\n\r\n${HIDDEN}`],
  ['a list of lengths', `${START}content-length: 0, 44\r\n\r\n${HIDDEN}`],
  ['a length with a sign', `${START}content-length: +0\r\n\r\n${HIDDEN}`],
  ['a length below zero', `${START}content-length: -1\r\n\r\n${HIDDEN}`],
  ['a length in hexadecimal', `${START}content-length: 0x0\r\n\r\n${HIDDEN}`],
  ['a length without a number', `${START}content-length:\r\n\r\n${HIDDEN}`],
  ['a length with a space inside', `${START}content-length: 0 0\r\n\r\n${HIDDEN}`],
  ['a length beyond all numbers', `${START}content-length: 99999999999999999999\r\n\r\n${HIDDEN}`],
  ['a space before the colon', `${START}content-length : 0\r\n\r\n${HIDDEN}`],
  ['a space before the name', `${START} content-length: 0\r\n\r\n${HIDDEN}`],
  ['chunks by another name', `${START}transfer-encoding: xchunked\r\n\r\n${CHUNKED}`],
  ['chunks in a list', `${START}transfer-encoding: chunked, identity\r\n\r\n${CHUNKED}`],
  ['chunks twice', `${START}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n${CHUNKED}`],
  ['chunks after another coding', `${START}transfer-encoding: gzip, chunked\r\n\r\n${CHUNKED}`],
  ['chunks in quotes', `${START}transfer-encoding: "chunked"\r\n\r\n${CHUNKED}`],
  ['chunks behind a control character', `${START}transfer-encoding: \u000bchunked\r\n\r\n${CHUNKED}`],
  ['a folded field', `${START}transfer-encoding:\r\n chunked\r\n\r\n${CHUNKED}`],
  ['a lone line feed between fields', `${START}x-a: b\ncontent-length: 0\r\n\r\n${HIDDEN}`],
  ['a lone carriage return between fields', `${START}x-a: b\rcontent-length: 0\r\n\r\n${HIDDEN}`],
  ['a NUL in a value', `${START}x-a: b\u0000c\r\ncontent-length: 0\r\n\r\n${HIDDEN}`],
  ['a NUL in a name', `${START}x\u0000a: b\r\ncontent-length: 0\r\n\r\n${HIDDEN}`],
  ['a field without a colon', `${START}content-length 0\r\n\r\n${HIDDEN}`],
  ['a chunk’s size below zero', `${START}transfer-encoding: chunked\r\n\r\n-1\r\n${HIDDEN}`],
  ['a chunk’s size in other digits', `${START}transfer-encoding: chunked\r\n\r\n0x0\r\n\r\n${HIDDEN}`],
  ['a chunk’s size without a number', `${START}transfer-encoding: chunked\r\n\r\n\r\n${HIDDEN}`],
  [
    'a chunk’s size beyond all numbers',
    `${START}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n${HIDDEN}`,
  ],
  ['a chunk line that ends in a line feed', `${START}transfer-encoding: chunked\r\n\r\n0\n\n${HIDDEN}`],
  ['a chunk longer than its size', `${START}transfer-encoding: chunked\r\n\r\n1\r\nxyz\r\n${CHUNKED}`],
  [
    'a chunk’s extension with a line feed',
    `${START}transfer-encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n${CHUNKED}`,
  ],
  ['a space in the target', `POST /v1/messages x HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n${HIDDEN}`],
  ['a line feed after the request line', `POST /v1/messages HTTP/1.1\nhost: 127.0.0.1\r\n\r\n${HIDDEN}`],
]

describe('threat 6: a request that can be read in two ways', () => {
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.stop())

  it.each(SMUGGLED)('with %s is refused once, and nothing behind it is read', async (_what, text) => {
    const client = await connectRaw(world.url)
    client.write(text)
    await within(client.ended, 'the connection to end')
    expect(parseAnswer(client.received())?.status).toBeOneOf([400, 411, 413, 501])
    expect(client.text().match(/HTTP\/1\.1 \d/g)).toHaveLength(1)
    expect(world.simulator.received).toEqual([])
  })

  it('is not one with a body on a method that usually has none', async () => {
    const text = `GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`
    expect((await exchange(world.url, text)).status).toBe(200)
    expect(world.simulator.received.map(({ target }) => target)).toEqual(['/v1/models'])
  })
})

/** Any characters, and those that end lines more often than others. */
const TEXT = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom('\r', '\n', '\r\n', ':', '\u0000', '\u2028', 'ĊċčĀ', '\u001b', 'é'),
      fc.string({ unit: 'grapheme', maxLength: 2 }),
    ),
    minLength: 1,
    maxLength: 30,
  })
  .filter((text) => text !== '' && text !== 'a')
const OWN = [
  'content-type',
  'content-length',
  'x-spillway-request-id',
  'x-spillway-account',
  'x-spillway-attempts',
]

describe('threat 7: a text that wants to be a header', () => {
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.stop())

  it('is none: whatever a client calls its model, an operator maps it to, or a session is called', async () => {
    world.simulator.always(keyOf('a'), reply.whole(200, '{"type":"message"}'))
    const property = fc.asyncProperty(TEXT, TEXT, async (model, mapped) => {
      await world.api.changeAccount({ params: { id: 'a' }, body: { modelMap: { [model]: mapped } } })
      for (const asked of [model, `${model}\r\nx-injected: 1[1m]`]) {
        const body = bodyOf({ model: asked, metadata: { user_id: JSON.stringify({ session_id: mapped }) } })
        const answer = await exchange(world.url, requestBytes({ body }))
        expect(answer).toMatchObject({ status: 200, isWhole: true })
        const names = answer.headers.map(([name]) => name).filter((name) => name !== 'x-spillway-model')
        expect(names.toSorted()).toEqual(OWN.toSorted())
      }
    })
    await fc.assert(property, { numRuns: 100 })
    expect((await world.ask()).status).toBe(200)
  })

  it('is none in a refusal that repeats it', async () => {
    const property = fc.asyncProperty(TEXT, async (text) => {
      const answer = await world.admin(`/api/accounts/${encodeURIComponent(text.toWellFormed())}`)
      expect(answer.status).toBeOneOf([400, 404])
      expect(answer.headers.has('x-injected')).toBe(false)
      await answer.text()
    })
    await fc.assert(property, { numRuns: 50 })
  })
})

describe('threat 16: a text that wants to be a line of the log', () => {
  afterEach(() => world.stop())

  it('is part of one line, and steers no terminal', async () => {
    world = await openWorld({ settings: { logLevel: 'debug', retryDelayMs: 0 } })
    const evil = '\n{"level":"error","msg":"forged"}\r\n\u001b]0;title\u0007\u001b[2J\u202e'
    world.simulator.always(keyOf('a'), [reply.send('HTTP/1.1 \u001b[31m\n\r\n\r\n')])
    await world.ask({ model: `model${evil}` }, { 'x-claude-code-session-id': 'session' })
    world.simulator.always(keyOf('a'), reply.refusal(401, `type${evil}`, `words${evil}`))
    await world.ask({ model: `model${evil}` })
    await exchange(
      world.url,
      requestBytes({ target: '/v1/%1b%5d0;x', lines: ['user-agent: \u00e9\u009b2J'] }),
    )
    world.simulator.always(keyOf('a'), undefined)
    await world.api.clearCooldown({ params: { id: 'a' } })
    expect((await world.ask({ model: `model${evil}` })).status).toBe(200)
    await world.rows(3)
    expect(world.log()).toContain('not in the price list')
    const lines = world.log().split('\n').slice(0, -1)
    expect(lines.length).toBeGreaterThan(1)
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow()
    expect(lines.map((line) => JSON.parse(line).msg)).not.toContain('forged')
    const codes = [...world.log()].map((character) => character.codePointAt(0) ?? 0)
    expect(codes.filter((code) => (code < 0x20 && code !== 0x0a) || (code >= 0x7f && code < 0xa0))).toEqual(
      [],
    )
  })
})

describe('threat 37: what makes a careless program throw', () => {
  const TARGETS = [
    '//',
    '///',
    '/%',
    '/%zz',
    '/%00',
    '/?',
    '/??',
    '/v1/%',
    '/v1/messages?%',
    '/api/%',
    '/api/requests?cursor=%',
    '/api/accounts/%ff',
    `/${'a'.repeat(30_000)}`,
    '/v1/[',
    '/:id',
    '/api/accounts/__proto__',
    '/api/requests?__proto__=1',
    '/api/requests?limit=1&limit=2',
    '/api/requests?toString=1',
  ]
  afterEach(() => world.stop())

  it('is answered like anything else, and the next request is served', async () => {
    world = await openWorld({ settings: { logLevel: 'debug' } })
    for (const target of TARGETS) {
      for (const method of ['GET', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'X']) {
        const client = await connectRaw(world.url)
        const lines = `host: 127.0.0.1\r\nauthorization: Bearer ${world.adminToken}\r\nconnection: close`
        client.write(`${method} ${target} HTTP/1.1\r\n${lines}\r\n\r\n`)
        await within(client.ended, 'the connection to end')
        const { status = 0 } = parseAnswer(client.received()) ?? {}
        expect({ method, target, isInternal: status === 500 || status === 0 }).toEqual({
          method,
          target,
          isInternal: false,
        })
      }
    }
    expect(world.log()).not.toContain('because of a bug')
    const answer = await exchange(world.url, requestBytes())
    expect([answer.status, headerOf(answer, 'x-spillway-account')]).toEqual([200, 'a'])
    expect(only((await world.api.listAccounts()).accounts).name).toBe('a')
    expect(last(world.simulator.received).target).toBe('/v1/messages')
  })
})
