/**
 * The bytes that the simulated upstream answers with, made once: a whole message, and streams
 * of thinking and text in pieces of realistic size, every event a chunk of its own. Pure.
 */
import { event, wholeMessage } from '../src/simulator/events.ts'

export interface StreamAnswer {
  /** Head, `message_start`, the first block's start and a ping: what a provider sends at once. */
  readonly opening: Buffer
  /** The rest, event by event; the last one carries the end of the chunked body. */
  readonly events: readonly Buffer[]
}

const MODEL = 'claude-sonnet-5-5'
const USAGE = { inputTokens: 41, outputTokens: 512, cacheReadTokens: 22_000, cacheWrite1hTokens: 1_500 }
const TEXT =
  'The index on orders.customer_id is used: the plan shows an Index Scan with the condition ' +
  '"customer_id = $1", about 12 rows at a cost of 8.44. Refunds join the same table a second time, ' +
  'which is why the report counts them twice; grouping by refund_id before the join removes the ' +
  'duplicates, and the test below fails without that change.\n\n'
/** Events of a stream that are not deltas: both blocks' starts and stops, signature, ping, the message's own. */
const FIXED_EVENTS = 9
const THINKING_SHARE = 0.3

export function wholeAnswer(): Buffer {
  const body = wholeMessage({ id: 'msg_01Benchmark', model: MODEL, text: TEXT, usage: USAGE })
  const length = `content-length: ${Buffer.byteLength(body)}\r\n`
  return Buffer.from(`${head('application/json')}${length}\r\n${body}`)
}

/** `count` events in all, the three of the opening among them. */
export function streamAnswer(count: number): StreamAnswer {
  const deltas = Math.max(2, count - FIXED_EVENTS)
  const thoughts = Math.max(1, Math.round(deltas * THINKING_SHARE))
  const rest = [
    ...Array.from({ length: thoughts }, (_, index) => delta(0, 'thinking', index)),
    event('content_block_delta', {
      index: 0,
      delta: { type: 'signature_delta', signature: 'EqQBCkYI'.repeat(30) },
    }),
    event('content_block_stop', { index: 0 }),
    event('content_block_start', { index: 1, content_block: { type: 'text', text: '' } }),
    ...Array.from({ length: deltas - thoughts }, (_, index) => delta(1, 'text', index)),
    event('content_block_stop', { index: 1 }),
    event('message_delta', {
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: USAGE.outputTokens },
    }),
  ].map(chunk)
  return {
    opening: opening(),
    events: [...rest, Buffer.from(`${chunk(event('message_stop', {}))}0\r\n\r\n`)],
  }
}

/** One content event and then nothing more. */
export const heldAnswer = (): Buffer => Buffer.concat([opening(), chunk(delta(0, 'thinking', 0))])

const opening = (): Buffer =>
  Buffer.from(
    `${head('text/event-stream; charset=utf-8')}cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n` +
      [
        event('message_start', {
          message: {
            id: 'msg_01Benchmark',
            type: 'message',
            role: 'assistant',
            model: MODEL,
            content: [],
            stop_reason: null,
            stop_sequence: null,
            usage: {
              input_tokens: 41,
              cache_creation_input_tokens: 1_500,
              cache_read_input_tokens: 22_000,
              output_tokens: 1,
            },
          },
        }),
        event('content_block_start', {
          index: 0,
          content_block: { type: 'thinking', thinking: '', signature: '' },
        }),
        event('ping', {}),
      ]
        .map(chunk)
        .join(''),
  )

function delta(index: number, kind: 'thinking' | 'text', number: number): string {
  const from = (number * 23) % (TEXT.length - 40)
  const piece = TEXT.slice(from, from + 14 + ((number * 7) % 20))
  return event('content_block_delta', { index, delta: { type: `${kind}_delta`, [kind]: piece } })
}

const chunk = (text: string): Buffer => Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)

/** Limit headers as a subscription's answers carry them (`wire.md` §1.7): reading them is part of the work. */
function head(contentType: string): string {
  const now = Math.floor(Date.now() / 1_000)
  const fields = [
    ['content-type', contentType],
    ['request-id', 'req_011CBenchmark'],
    ['anthropic-organization-id', '5a1d0c3e-0000-4000-8000-000000000000'],
    ['anthropic-ratelimit-unified-status', 'allowed'],
    ['anthropic-ratelimit-unified-representative-claim', 'five_hour'],
    ['anthropic-ratelimit-unified-reset', String(now + 14_400)],
    ['anthropic-ratelimit-unified-5h-status', 'allowed'],
    ['anthropic-ratelimit-unified-5h-utilization', '0.21'],
    ['anthropic-ratelimit-unified-5h-reset', String(now + 14_400)],
    ['anthropic-ratelimit-unified-7d-status', 'allowed'],
    ['anthropic-ratelimit-unified-7d-utilization', '0.12'],
    ['anthropic-ratelimit-unified-7d-reset', String(now + 500_000)],
    ['server', 'cloudflare'],
    ['via', '1.1 google'],
  ]
  return `HTTP/1.1 200 OK\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}`
}
