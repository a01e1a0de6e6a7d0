/**
 * The official SDK in the two shapes that clients have today: the current one, and the last
 * before 1.0, which sends another credential header and another API version. And the
 * answers and ways to break that the suites for it share.
 */
import { Anthropic } from '@anthropic-ai/sdk'
import { Anthropic as AnthropicBefore1 } from 'anthropic-sdk-before-1'
import { event, type SimulatedMessage, streamEvents } from '../../src/simulator/events.ts'
import { simulatedMessage } from '../../src/simulator/healthy.ts'
import * as reply from '../../src/simulator/replies.ts'
import type { Received } from '../../src/simulator/simulator.ts'

export type Sdk = typeof Anthropic

/** What the suites use has the same shape in both; the compiler cannot know, because classes are nominal. */
export const SDKS: readonly (readonly [name: string, sdk: Sdk])[] = [
  ['SDK 1.11', Anthropic],
  ['SDK 0.137', AnthropicBefore1 as unknown as Sdk],
]

export const MODEL = 'claude-sonnet-5-5'

export const QUESTION = {
  model: MODEL,
  max_tokens: 64,
  messages: [{ role: 'user' as const, content: 'Is this index used?' }],
}

export const TOOLS = [
  {
    name: 'explain_query',
    description: 'The plan of a query.',
    input_schema: { type: 'object' as const, properties: { sql: { type: 'string' } } },
  },
]

/** Thinking, text and a tool use, with cache usage and pings. */
export const richMessage = (request: Pick<Received, 'number' | 'body'>): SimulatedMessage => ({
  ...simulatedMessage(MODEL, request),
  thinking: 'The plan would show it. Ü → 測試.',
  text: 'Let me look at the plan.',
  tool: { name: 'explain_query', input: { sql: 'select 1 where name = "ü"' } },
  usage: { inputTokens: 11, outputTokens: 37, cacheReadTokens: 2_048, cacheWrite1hTokens: 512 },
  pings: 2,
})

export const richReply = (request: Received): reply.Reply =>
  isStreamed(request) ? reply.stream(richMessage(request)) : reply.message(richMessage(request))

export const isStreamed = ({ body }: Received): boolean => body.includes('"stream":true')

const EVENTS = streamEvents(simulatedMessage(MODEL, { number: 1, body: Buffer.alloc(80) }))

/** So many events come before a stream breaks: content among them, the terminal event not. */
export const EVENTS_BEFORE = 5
/** Not pings, which the SDK swallows; long enough apart that they are no single packet. */
export const BEGINNING = EVENTS.slice(0, EVENTS_BEFORE)
const later = (...then: readonly reply.Action[]): reply.Reply =>
  reply.brokenStream(BEGINNING, [reply.wait(20), ...then])

/** Every way in which a stream can stop being one, once content has gone out. */
export const BROKEN_STREAMS: readonly (readonly [how: string, reply: reply.Reply])[] = [
  ['a reset', later(reply.reset)],
  ['an end in the middle of a chunk', later(reply.send('ff\r\nevent: content_blo'), reply.close)],
  ['an end between two chunks', later(reply.close)],
  ['an orderly end without its terminal event', later(reply.send(reply.LAST_CHUNK))],
  ['garbage for a chunk', later(reply.send('not a length\r\n'))],
  [
    'an end right before its terminal event',
    reply.brokenStream(EVENTS.slice(0, -1), [reply.wait(20), reply.send(reply.LAST_CHUNK)]),
  ],
]

/** An answer that is not streamed, cut off. */
export const CUT_MESSAGE: reply.Reply = [
  reply.send(
    `${reply.head(200, [
      ['content-type', 'application/json'],
      ['content-length', '500'],
    ])}{"id":"msg_000001","type":"message","content":[`,
  ),
  reply.wait(20),
  reply.close,
]

/** An error in the middle of a stream, which then ends as it should. */
export const ERROR_IN_STREAM: reply.Reply = reply.eventStream([
  ...BEGINNING,
  event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } }),
])

/** The head and the first content of a stream, and then nothing until the other side leaves. */
export const STALLED_STREAM: reply.Reply = reply.brokenStream(BEGINNING, [reply.stall])
