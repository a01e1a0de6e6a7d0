/**
 * G2 One answer: what a client receives is a prefix of exactly one upstream answer, wherever
 * and however the first account's answer breaks.
 */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { errorEvent, streamEvents, wholeMessage } from '../../src/simulator/events.ts'
import { simulatedMessage } from '../../src/simulator/healthy.ts'
import * as reply from '../../src/simulator/replies.ts'
import { exchange, headerOf, type RawAnswer } from '../support/raw-answer.ts'
import { bodyOf, requestBytes } from '../support/requests.ts'
import { keyOf, openWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({
    accounts: ['first', { name: 'second', priority: 1 }],
    settings: { retryDelayMs: 0, idleTimeoutMs: 60, retryAttempts: 1 },
  })
})
afterAll(() => world.stop())

const messageOf = (number: number) => ({
  ...simulatedMessage('claude-sonnet-5-5', { number, body: Buffer.alloc(80) }),
  thinking: 'Let me see.',
  pings: 2,
})
const FIRST = messageOf(1)
const SECOND = messageOf(2)
const TEXTS = {
  first: { stream: streamEvents(FIRST).join(''), whole: wholeMessage(FIRST) },
  second: { stream: streamEvents(SECOND).join(''), whole: wholeMessage(SECOND) },
}

const ENDINGS: Readonly<Record<string, readonly reply.Action[]>> = {
  reset: [reply.reset],
  'an orderly end': [reply.close],
  silence: [reply.stall],
  'a broken chunk': [reply.send('zz\r\nnot a chunk\r\n'), reply.close],
  'a clean end': [reply.send(reply.LAST_CHUNK)],
}

let run = 0

/** The first account breaks in that way, the second is healthy; each time a conversation of its own. */
async function askBroken(broken: reply.Reply, isStream: boolean): Promise<RawAnswer> {
  await world.api.clearCooldown({ params: { id: 'first' } })
  world.simulator.always(keyOf('first'), broken)
  world.simulator.always(keyOf('second'), isStream ? reply.stream(SECOND) : reply.message(SECOND))
  const messages = [{ role: 'user', content: `Question ${++run}` }]
  return exchange(world.url, requestBytes({ body: bodyOf({ stream: isStream, messages }) }))
}

function assertOneAnswer(answer: RawAnswer, kind: 'stream' | 'whole', extra = ''): void {
  const body = answer.body.toString()
  const account = headerOf(answer, 'x-spillway-account')
  const source = account === 'first' ? TEXTS.first[kind] + extra : TEXTS.second[kind]
  expect(account).toBeOneOf(['first', 'second'])
  expect(source.startsWith(body)).toBe(true)
  expect(body.split('event: message_start').length - 1).toBeLessThan(2)
  if (account === 'second') expect({ body, isWhole: answer.isWhole }).toEqual({ body: source, isWhole: true })
}

const chunked = (text: string): reply.Action => reply.send(reply.chunk(text))
const HEAD = reply.send(
  reply.head(200, [
    ['content-type', 'text/event-stream'],
    ['transfer-encoding', 'chunked'],
  ]),
)

describe('a stream that breaks', () => {
  const events = streamEvents(FIRST)

  it.each(Object.keys(ENDINGS))('after any event with %s gives one answer', async (ending) => {
    for (let count = 0; count < events.length; count++) {
      const answer = await askBroken(
        [HEAD, ...events.slice(0, count).map(chunked), ...(ENDINGS[ending] ?? [])],
        true,
      )
      assertOneAnswer(answer, 'stream')
    }
  })

  it('anywhere inside an event, in whatever pieces it came, gives one answer', async () => {
    const cut = fc.nat({ max: TEXTS.first.stream.length - 1 })
    const ending = fc.constantFrom('reset', 'an orderly end', 'a clean end')
    const property = fc.asyncProperty(cut, cut, ending, async (at, split, how) => {
      const [early, late] = [Math.min(at, split), Math.max(at, split)]
      const pieces = [TEXTS.first.stream.slice(0, early), TEXTS.first.stream.slice(early, late)]
      const sent = pieces.filter((piece) => piece !== '').map(chunked)
      assertOneAnswer(await askBroken([HEAD, ...sent, ...(ENDINGS[how] ?? [])], true), 'stream')
    })
    await fc.assert(property, { numRuns: 120, seed: 20_261_120 })
  })

  it('with an error event after any event gives one answer', async () => {
    const error = errorEvent('overloaded_error', 'Overloaded')
    for (let count = 0; count < events.length; count++) {
      const sent = [...events.slice(0, count), error]
      const answer = await askBroken([HEAD, ...sent.map(chunked), reply.send(reply.LAST_CHUNK)], true)
      const body = answer.body.toString()
      const isFirst = headerOf(answer, 'x-spillway-account') === 'first'
      expect(body).toBe(isFirst ? sent.join('') : TEXTS.second.stream)
    }
  })

  it('goes to another account only while no content has come', async () => {
    const accounts: (string | undefined)[] = []
    for (let count = 0; count < events.length; count++) {
      const answer = await askBroken([HEAD, ...events.slice(0, count).map(chunked), reply.reset], true)
      accounts.push(headerOf(answer, 'x-spillway-account'))
    }
    const content = events.findIndex((event) => event.startsWith('event: content_block_start'))
    expect(accounts).toEqual(events.map((_, count) => (count <= content ? 'second' : 'first')))
  })
})

describe('a whole answer that breaks', () => {
  it.each([
    ['reset', [reply.reset]],
    ['an orderly end', [reply.close]],
  ] as const)('after any of its bytes with %s gives one answer', async (_what, ending) => {
    const text = TEXTS.first.whole
    const head = reply.head(200, [
      ['content-type', 'application/json'],
      ['content-length', String(text.length)],
    ])
    for (let at = 0; at < text.length; at += 9) {
      const sent = [reply.send(head), ...(at === 0 ? [] : [reply.send(text.slice(0, at))]), ...ending]
      assertOneAnswer(await askBroken(sent, false), 'whole')
    }
  })

  it('anywhere in its head gives the other answer', async () => {
    const head = reply.head(200, [['content-length', String(TEXTS.first.whole.length)]])
    for (let at = 0; at < head.length; at += 3) {
      const answer = await askBroken(
        [...(at === 0 ? [] : [reply.send(head.slice(0, at))]), reply.close],
        false,
      )
      expect(headerOf(answer, 'x-spillway-account')).toBe('second')
      assertOneAnswer(answer, 'whole')
    }
  })
})

describe('the account that the head names', () => {
  it('is the one whose bytes follow, for many conversations at once', async () => {
    world.simulator.always(keyOf('first'), (request) =>
      request.number % 3 === 0 ? [reply.reset] : reply.stream(FIRST),
    )
    world.simulator.always(keyOf('second'), reply.stream(SECOND))
    await world.api.clearCooldown({ params: { id: 'first' } })
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        exchange(
          world.url,
          requestBytes({ body: bodyOf({ stream: true, system: `Conversation ${index}` }) }),
        ),
      ),
    )
    for (const answer of answers) assertOneAnswer(answer, 'stream')
    expect(new Set(answers.map((answer) => headerOf(answer, 'x-spillway-account')))).toEqual(
      new Set(['first', 'second']),
    )
  })
})
