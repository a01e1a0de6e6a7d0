/**
 * G3 Truncation shows: an answer that ends without its end reaches the client as the bytes so
 * far and then a broken connection, and stands in the ledger as truncated.
 */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import Anthropic from '@anthropic-ai/sdk'
import { errorEvent, streamEvents, wholeMessage } from '../../src/simulator/events.ts'
import { simulatedMessage } from '../../src/simulator/healthy.ts'
import * as reply from '../../src/simulator/replies.ts'
import { last } from '../support/first.ts'
import { answerOn, exchange, headerOf, type RawAnswer } from '../support/raw-answer.ts'
import { connectRaw } from '../support/raw-client.ts'
import { bodyOf, requestBytes } from '../support/requests.ts'
import { eventually, keyOf, openWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({
    accounts: ['a', { name: 'b', priority: 1 }],
    settings: { idleTimeoutMs: 150, totalTimeoutMs: 300, contentTimeoutMs: 150 },
  })
})
afterAll(() => world.stop())

const MESSAGE = simulatedMessage('claude-sonnet-5-5', { number: 1, body: Buffer.alloc(800) })
const EVENTS = streamEvents(MESSAGE)
const PART = EVENTS.slice(0, 5)
const PART_TEXT = PART.join('')
const WHOLE = wholeMessage(MESSAGE)
const HALF = WHOLE.slice(0, 120)

const EVENT_STREAM = ['content-type', 'text/event-stream'] as const
const JSON_TYPE = ['content-type', 'application/json'] as const
const CHUNKED = ['transfer-encoding', 'chunked'] as const
const length = (bytes: number) => ['content-length', String(bytes)] as const
const start = (...headers: readonly (readonly [string, string])[]) => reply.send(reply.head(200, headers))
/** What came before must have been read on its own, before what follows breaks it. */
const seen: reply.Action = reply.wait(30)

const ask = async (broken: reply.Reply, isStream: boolean): Promise<RawAnswer> => {
  await world.api.clearCooldown({ params: { id: 'a' } })
  world.simulator.script(keyOf('a'), broken)
  return exchange(world.url, requestBytes({ body: bodyOf({ stream: isStream }) }))
}

const rowOf = async (answer: RawAnswer) => {
  const id = headerOf(answer, 'x-spillway-request-id') ?? ''
  return world.api.showRequest({ params: { id } })
}

const BROKEN_STREAMS: readonly (readonly [what: string, reply: reply.Reply])[] = [
  ['a clean end without message_stop', reply.brokenStream(PART, [reply.send(reply.LAST_CHUNK)])],
  ['an orderly end between two chunks', reply.brokenStream(PART, [reply.close])],
  [
    'an orderly end in the middle of a chunk',
    reply.brokenStream(PART, [reply.send('ff\r\nevent: conte'), seen, reply.close]),
  ],
  [
    'an orderly end in the middle of a chunk’s size',
    reply.brokenStream(PART, [reply.send('f'), reply.close]),
  ],
  ['a reset between two events', reply.brokenStream(PART, [seen, reply.reset])],
  [
    'a reset in the middle of an event',
    reply.brokenStream([...PART, 'event: content_bl'], [seen, reply.reset]),
  ],
  ['a chunk that is none', reply.brokenStream(PART, [seen, reply.send('nothing\r\n'), reply.close])],
  ['silence', reply.brokenStream(PART, [reply.stall])],
  [
    'fewer bytes than announced',
    [start(EVENT_STREAM, length(9_999)), reply.send(PART_TEXT), seen, reply.close],
  ],
  [
    'exactly the announced bytes, but no message_stop',
    [start(EVENT_STREAM, length(Buffer.byteLength(PART_TEXT))), reply.send(PART_TEXT)],
  ],
  [
    'more bytes than announced',
    [start(EVENT_STREAM, length(Buffer.byteLength(PART_TEXT))), reply.send(EVENTS.join(''))],
  ],
  [
    'the end of its connection, which was to be the end of the answer',
    [start(EVENT_STREAM), reply.send(PART_TEXT), reply.close],
  ],
  [
    'a reset after an error event',
    reply.brokenStream([...PART, errorEvent('api_error', 'x')], [seen, reply.reset]),
  ],
  [
    'message_delta as its last event',
    reply.brokenStream(EVENTS.slice(0, -1), [reply.send(reply.LAST_CHUNK)]),
  ],
  [
    'message_stop without the empty line after it',
    reply.brokenStream([EVENTS.join('').trimEnd()], [reply.send(reply.LAST_CHUNK)]),
  ],
]

describe('a stream that ends with', () => {
  it.each(BROKEN_STREAMS)('%s breaks the client’s connection', async (_what, broken) => {
    const answer = await ask(broken, true)
    expect(answer).toMatchObject({ status: 200, isWhole: false })
    expect(answer.ended).toBeDefined()
    const text = answer.body.toString()
    expect(text.startsWith(PART_TEXT)).toBe(true)
    expect(text).not.toContain('event: message_stop\ndata: {"type":"message_stop"}\n\n')
    const row = await rowOf(answer)
    expect(row).toMatchObject({ outcome: 'truncated', status: 200, usageComplete: false, account: 'a' })
    expect(row.error).toBeString()
    expect(row).toMatchObject({ inputTokens: MESSAGE.usage.inputTokens, cacheReadTokens: 100 })
  })

  it('only pings, for ever, is ended by the time limit for content', async () => {
    const [begin = ''] = EVENTS
    function* pings() {
      yield start(EVENT_STREAM, CHUNKED)
      yield reply.send(reply.chunk(begin))
      for (;;) {
        yield reply.send(reply.chunk('event: ping\ndata: {"type":"ping"}\n\n'))
        yield reply.wait(20)
      }
    }
    const held = await openWorld({ settings: { holdMs: 40, contentTimeoutMs: 300 } })
    held.simulator.always(keyOf('a'), pings)
    const answer = await exchange(held.url, requestBytes({ body: bodyOf({ stream: true }) }))
    const [row] = await held.rows(1)
    await held.stop()
    expect(answer).toMatchObject({ status: 200, isWhole: false })
    expect(row).toMatchObject({ outcome: 'truncated' })
  })
})

const BROKEN_MESSAGES: readonly (readonly [what: string, reply: reply.Reply])[] = [
  [
    'fewer bytes than announced',
    [start(JSON_TYPE, length(WHOLE.length)), reply.send(HALF), seen, reply.close],
  ],
  ['a reset', [start(JSON_TYPE, length(WHOLE.length)), reply.send(HALF), seen, reply.reset]],
  [
    'a reset where its connection’s end was to be its end',
    [start(JSON_TYPE), reply.send(HALF), seen, reply.reset],
  ],
  [
    'an orderly end between two chunks',
    [start(JSON_TYPE, CHUNKED), reply.send(reply.chunk(HALF)), seen, reply.close],
  ],
  [
    'an orderly end in the middle of a chunk',
    [start(JSON_TYPE, CHUNKED), reply.send(reply.chunk(HALF)), reply.send('ff\r\nx'), seen, reply.close],
  ],
  [
    'a chunk that is none',
    [start(JSON_TYPE, CHUNKED), reply.send(reply.chunk(HALF)), seen, reply.send('-1\r\n\r\n')],
  ],
  ['silence until its time limit', [start(JSON_TYPE, length(WHOLE.length)), reply.send(HALF), reply.stall]],
]

describe('a whole answer that ends with', () => {
  it.each(BROKEN_MESSAGES)('%s breaks the client’s connection', async (_what, broken) => {
    const answer = await ask(broken, false)
    expect(answer).toMatchObject({ status: 200, isWhole: false })
    expect(answer.ended).toBeDefined()
    expect(answer.body.toString().startsWith(HALF)).toBe(true)
    expect(answer.body.length).toBeLessThan(WHOLE.length)
    expect(await rowOf(answer)).toMatchObject({ outcome: 'truncated', status: 200, usageComplete: false })
  })

  it('nothing at all is another account’s to answer', async () => {
    const answer = await ask([start(JSON_TYPE, length(WHOLE.length)), reply.close], false)
    expect(headerOf(answer, 'x-spillway-account')).toBe('b')
    expect(answer).toMatchObject({ status: 200, isWhole: true })
  })
})

describe('an ordinary client', () => {
  it('of the fetch kind sees an error and not an end', async () => {
    world.simulator.script(keyOf('a'), reply.brokenStream(PART, [reply.send(reply.LAST_CHUNK)]))
    const answer = await world.ask({ stream: true })
    expect(answer.status).toBe(200)
    await expect(answer.text()).rejects.toThrow()
  })

  it('that is the official SDK throws and does not take half an answer for a whole one', async () => {
    world.simulator.script(keyOf('a'), reply.brokenStream(PART, [reply.send(reply.LAST_CHUNK)]))
    const sdk = new Anthropic({ baseURL: world.url, apiKey: 'none', maxRetries: 0 })
    const read = async () => {
      const stream = await sdk.messages.create({
        model: 'claude-sonnet-5-5',
        max_tokens: 64,
        messages: [{ role: 'user', content: 'Half?' }],
        stream: true,
      })
      const types: string[] = []
      for await (const event of stream) types.push(event.type)
      return types
    }
    await expect(read()).rejects.toThrow()
  })

  it('that reads slowly gets a prefix of what was there before the break', async () => {
    const filler = `event: content_block_delta\ndata: {"x":"${'y'.repeat(200_000)}"}\n\n`
    const sent = [...PART, ...Array.from({ length: 20 }, () => filler)]
    world.simulator.script(keyOf('a'), reply.brokenStream(sent, [reply.close]))
    const client = await connectRaw(world.url)
    client.write(requestBytes({ body: bodyOf({ stream: true }) }))
    await client.until((text) => text.includes('message_start'))
    client.pause()
    await eventually(
      () => last(world.simulator.requestsOf(keyOf('a'))).isAbandoned() || undefined,
      'the upstream to have ended',
    )
    client.resume()
    const answer = await answerOn(client)
    expect(answer).toMatchObject({ isWhole: false })
    expect(sent.join('').startsWith(answer.body.toString())).toBe(true)
  })
})

describe('what is no truncation', () => {
  it('is an error event after content, after which the stream ends in order', async () => {
    const sent = [...PART, errorEvent('overloaded_error', 'Overloaded')]
    const answer = await ask(reply.eventStream(sent), true)
    expect(answer).toMatchObject({ status: 200, isWhole: true })
    expect(answer.body.toString()).toBe(sent.join(''))
    expect(await rowOf(answer)).toMatchObject({
      outcome: 'upstream-error',
      error: 'overloaded_error: Overloaded',
    })
  })

  it.each([
    ['an orderly end', reply.close],
    ['a reset', reply.reset],
  ])('is %s without the last chunk after message_stop has come', async (_what, ending) => {
    const answer = await ask(reply.brokenStream(EVENTS, [seen, ending]), true)
    expect(answer.body.toString()).toBe(EVENTS.join(''))
    expect(await rowOf(answer)).toMatchObject({ outcome: 'ok', usageComplete: true })
  })
})
