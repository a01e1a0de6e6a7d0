/**
 * Anthropic answers as the simulated provider gives them, streamed and whole: text, thinking,
 * tool use and cache usage, by the grammar of `wire.md` §1.4–1.5. Pure.
 */

export interface SimulatedMessage {
  readonly id: string
  readonly model: string
  readonly thinking?: string
  readonly text: string
  readonly tool?: { readonly name: string; readonly input: unknown }
  readonly usage: SimulatedUsage
  /** Pings before the first content. */
  readonly pings?: number
}

export interface SimulatedUsage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens?: number
  readonly cacheWrite5mTokens?: number
  readonly cacheWrite1hTokens?: number
}

export const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`

export const PING = event('ping', {})

export const errorEvent = (type: string, message: string): string =>
  event('error', { error: { type, message } })

/** The events of a streamed answer, one text each, in order. */
export function streamEvents(message: SimulatedMessage): readonly string[] {
  const { id, model, usage, pings = 0 } = message
  const start = {
    id,
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...usageFields(usage), output_tokens: 1 },
  }
  return [
    event('message_start', { message: start }),
    ...Array.from({ length: pings }, () => PING),
    ...blocksOf(message).flatMap(blockEvents),
    event('message_delta', {
      delta: { stop_reason: stopReasonOf(message), stop_sequence: null },
      usage: { output_tokens: usage.outputTokens },
    }),
    event('message_stop', {}),
  ]
}

/** The same answer, not streamed. */
export const wholeMessage = (message: SimulatedMessage): string =>
  JSON.stringify({
    id: message.id,
    type: 'message',
    role: 'assistant',
    model: message.model,
    content: blocksOf(message).map(({ whole }) => whole),
    stop_reason: stopReasonOf(message),
    stop_sequence: null,
    usage: usageFields(message.usage),
  })

interface Block {
  readonly whole: object
  readonly start: object
  readonly deltas: readonly object[]
}

function blocksOf({ thinking, text, tool }: SimulatedMessage): readonly Block[] {
  return [
    ...(thinking === undefined ? [] : [thinkingBlock(thinking)]),
    {
      whole: { type: 'text', text, citations: null },
      start: { type: 'text', text: '' },
      deltas: wordsOf(text).map((word) => ({ type: 'text_delta', text: word })),
    },
    ...(tool === undefined ? [] : [toolBlock(tool)]),
  ]
}

const SIGNATURE = 'EqQBCkYIBRgCKkD0c2lnbmF0dXJl'

const thinkingBlock = (thinking: string): Block => ({
  whole: { type: 'thinking', thinking, signature: SIGNATURE },
  start: { type: 'thinking', thinking: '', signature: '' },
  deltas: [
    ...wordsOf(thinking).map((word) => ({ type: 'thinking_delta', thinking: word })),
    { type: 'signature_delta', signature: SIGNATURE },
  ],
})

function toolBlock({ name, input }: { readonly name: string; readonly input: unknown }): Block {
  const id = 'toolu_01Simulated'
  const json = JSON.stringify(input)
  const middle = Math.floor(json.length / 2)
  return {
    whole: { type: 'tool_use', id, name, input },
    start: { type: 'tool_use', id, name, input: {} },
    deltas: ['', json.slice(0, middle), json.slice(middle)].map((part) => ({
      type: 'input_json_delta',
      partial_json: part,
    })),
  }
}

const blockEvents = ({ start, deltas }: Block, index: number): readonly string[] => [
  event('content_block_start', { index, content_block: start }),
  ...deltas.map((delta) => event('content_block_delta', { index, delta })),
  event('content_block_stop', { index }),
]

const wordsOf = (text: string): readonly string[] => text.match(/\S+\s*/g) ?? []

const stopReasonOf = ({ tool }: SimulatedMessage): string => (tool === undefined ? 'end_turn' : 'tool_use')

function usageFields(usage: SimulatedUsage): object {
  const {
    inputTokens,
    outputTokens,
    cacheReadTokens = 0,
    cacheWrite5mTokens = 0,
    cacheWrite1hTokens = 0,
  } = usage
  return {
    input_tokens: inputTokens,
    cache_creation_input_tokens: cacheWrite5mTokens + cacheWrite1hTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: cacheWrite5mTokens,
      ephemeral_1h_input_tokens: cacheWrite1hTokens,
    },
    cache_read_input_tokens: cacheReadTokens,
    output_tokens: outputTokens,
    service_tier: 'standard',
  }
}
