/** Following a stream: where content begins, whether it is whole, what went wrong, what was used. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NO_USAGE } from '../../core/usage.ts'
import { createMessageStream, type MessageStream } from './stream.ts'

/** `wire.md` §1.5, in short. */
const START = event('message_start', {
  message: {
    id: 'msg_01',
    usage: {
      input_tokens: 12,
      cache_creation_input_tokens: 800,
      cache_read_input_tokens: 9_000,
      cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 500 },
      output_tokens: 1,
    },
  },
})
const PING = event('ping', {})
const BLOCK = event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } })
const TEXT = event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Yes – 😀' } })
const BLOCK_END = event('content_block_stop', { index: 0 })
const DELTA = event('message_delta', {
  delta: { stop_reason: 'end_turn' },
  usage: { input_tokens: null, cache_creation_input_tokens: 800, output_tokens: 87 },
})
const STOP = event('message_stop', {})
const WHOLE = START + PING + BLOCK + TEXT + TEXT + PING + BLOCK_END + DELTA + STOP

const USED = {
  ...NO_USAGE,
  inputTokens: 12,
  outputTokens: 87,
  cacheReadTokens: 9_000,
  cacheWrite5mTokens: 300,
  cacheWrite1hTokens: 500,
}

describe('content', () => {
  it('has not begun with the start, pings, comments or an error', () => {
    expect(follow(START).hasContent).toBe(false)
    expect(follow(START + PING + PING).hasContent).toBe(false)
    expect(follow(`${START}: keep-alive\n\n`).hasContent).toBe(false)
    expect(follow(errorEvent('overloaded_error')).hasContent).toBe(false)
  })

  it.each([
    ['a block', BLOCK],
    ['a delta', TEXT],
    ['the final counts', DELTA],
    ['the end', STOP],
    ['an event that nobody has heard of', event('something_new', {})],
  ])('begins with %s', (_what, text) => {
    expect(follow(START + text).hasContent).toBe(true)
  })

  it('begins with a complete event, not with half of one', () => {
    expect(follow(START + BLOCK.slice(0, -1)).hasContent).toBe(false)
  })
})

describe('a stream', () => {
  it('is whole with its terminal event', () => {
    expect(follow(WHOLE)).toMatchObject({ isWhole: true, error: undefined })
  })

  it('is not whole without it, however clean its end (G3)', () => {
    expect(follow(WHOLE.slice(0, -STOP.length)).isWhole).toBe(false)
    expect(follow(WHOLE.slice(0, -1)).isWhole).toBe(false)
  })

  it('is followed past an event that is too large to be read, of which only the counts are missing', () => {
    const huge = event('message_delta', { padding: 'x'.repeat(2 << 20), usage: { output_tokens: 87 } })
    expect(followPieces(START + BLOCK + huge, 16_384)).toMatchObject({ isWhole: false, hasContent: true })
    expect(followPieces(START + BLOCK + huge + STOP, 16_384)).toMatchObject({
      isWhole: true,
      usage: { outputTokens: 1, complete: false },
    })
  })

  it('stays whole when an event is large that nobody needs to read', () => {
    const page = event('content_block_start', { content_block: { data: 'x'.repeat(2 << 20) } })
    expect(followPieces(START + page + DELTA + STOP, 16_384)).toMatchObject({
      isWhole: true,
      hasContent: true,
      usage: { outputTokens: 87, complete: true },
    })
  })

  it('tells of an error', () => {
    expect(follow(START + errorEvent('overloaded_error')).error).toEqual({
      type: 'overloaded_error',
      message: 'Overloaded',
      code: undefined,
    })
  })

  it('tells of an error after content, too', () => {
    const stream = follow(START + BLOCK + TEXT + errorEvent('api_error'))
    expect(stream).toMatchObject({ hasContent: true, isWhole: false, error: { type: 'api_error' } })
  })
})

describe('usage', () => {
  it('is that of the start and the last delta together, the split of cache writes kept', () => {
    expect(follow(WHOLE).usage).toEqual({ ...USED, complete: true })
  })

  it('is what was seen so far, and not complete, when the stream breaks off', () => {
    expect(follow(START + BLOCK + TEXT).usage).toEqual({ ...USED, outputTokens: 1, complete: false })
    expect(follow(START + BLOCK + DELTA).usage).toEqual({ ...USED, complete: false })
  })

  it('is cumulative: of several deltas the last counts', () => {
    const first = event('message_delta', { usage: { output_tokens: 50 } })
    expect(follow(START + first + DELTA + STOP).usage).toEqual({ ...USED, complete: true })
  })

  it('survives a delta that carries none', () => {
    const silent = event('message_delta', { delta: { stop_reason: 'end_turn' } })
    expect(follow(START + DELTA + silent + STOP).usage).toEqual({ ...USED, complete: true })
  })

  it('includes compactions once, not once for each delta', () => {
    const delta = deltaWithCompaction()
    expect(follow(START + delta + delta + STOP).usage).toMatchObject({ inputTokens: 112, outputTokens: 97 })
  })

  it('includes compactions that only an earlier event named', () => {
    const silent = event('message_delta', { usage: { output_tokens: 87 } })
    expect(follow(START + deltaWithCompaction() + silent + STOP).usage).toMatchObject({
      inputTokens: 112,
      outputTokens: 97,
    })
  })

  it('is nothing where a provider sends none', () => {
    expect(follow(event('message_start', { message: {} }) + STOP).usage).toEqual({
      ...NO_USAGE,
      complete: true,
    })
  })

  it.each(['{', 'null', '[]', '"x"', '{"usage":7}', '{"message":null}'])('survives data like %s', (data) => {
    const odd = `event: message_start\ndata: ${data}\n\nevent: message_delta\ndata: ${data}\n\n`
    expect(follow(START + odd + DELTA + STOP)).toMatchObject({ isWhole: true, usage: { outputTokens: 87 } })
  })
})

describe('what the stream says beside its content', () => {
  const container = (id: unknown) => ({ container: { id, expires_at: '2026-11-20T13:00:00Z' } })

  it('is the container that the answer runs in, named at its start or at its end', () => {
    const start = event('message_start', { message: { id: 'msg_01', ...container('container_1') } })
    const delta = event('message_delta', { delta: { stop_reason: 'end_turn', ...container('container_2') } })
    expect(follow(start).made.container).toBe('container_1')
    expect(follow(START + BLOCK + delta).made.container).toBe('container_2')
    expect(follow(start + BLOCK + delta + STOP).made.container).toBe('container_2')
  })

  it('is no container where it names none, and the first one stays where the end names none', () => {
    const start = event('message_start', { message: { id: 'msg_01', ...container('container_1') } })
    expect(follow(WHOLE).made.container).toBeUndefined()
    expect(follow(start + BLOCK + DELTA + STOP).made.container).toBe('container_1')
    expect(follow(event('message_start', { message: { container: null } })).made.container).toBeUndefined()
    expect(follow(event('message_start', { message: container(7) })).made.container).toBeUndefined()
  })

  it('is the answer’s own id, from its very start on', () => {
    expect(follow(START).made.message).toBe('msg_01')
    expect(follow(WHOLE).made.message).toBe('msg_01')
    expect(follow(PING).made.message).toBeUndefined()
  })

  it('is the error’s data as it came, for what the envelope has no field for', () => {
    const data =
      '{"type":"error","error":{"type":"1305","message":"busy"},"request_id":"r","next_flush_time":17}'
    const stream = follow(`${START}event: error\ndata: ${data}\n\n`)
    expect(stream.errorText).toBe(data)
    expect(stream.error).toMatchObject({ message: 'busy' })
    expect(follow(WHOLE).errorText).toBe('')
  })

  it('is an error’s text also where it is no JSON', () => {
    expect(follow('event: error\ndata: upstream gave up\n\n').errorText).toBe('upstream gave up')
  })
})

it('sees the same in whatever pieces the bytes come', () => {
  const parts = fc.constantFrom(START, PING, BLOCK, TEXT, BLOCK_END, DELTA, STOP, errorEvent('api_error'))
  fc.assert(
    fc.property(fc.array(parts), fc.integer({ min: 1, max: 80 }), (events, length) => {
      const text = events.join('')
      expect(viewOf(followPieces(text, length))).toEqual(viewOf(follow(text)))
    }),
  )
})

it('never throws, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array()), (pieces) => {
      const stream = createMessageStream()
      for (const piece of pieces) stream.see(piece)
      expect(stream.isWhole).toBe(false)
    }),
  )
})

function deltaWithCompaction(): string {
  const iterations = [{ type: 'compaction', input_tokens: 100, output_tokens: 10 }]
  return event('message_delta', { usage: { output_tokens: 87, iterations } })
}

function errorEvent(type: string): string {
  return event('error', { error: { type, message: 'Overloaded' } })
}

function event(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
}

function follow(text: string): MessageStream {
  const stream = createMessageStream()
  stream.see(new TextEncoder().encode(text))
  return stream
}

function followPieces(text: string, length: number): MessageStream {
  const stream = createMessageStream()
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; at += length) stream.see(bytes.subarray(at, at + length))
  return stream
}

function viewOf({ hasContent, isWhole, error, errorText, usage, made }: MessageStream): object {
  return { hasContent, isWhole, error, errorText, usage, made }
}
