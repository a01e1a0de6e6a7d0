/** Whole answers: their usage, or the error behind a 200. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NO_USAGE } from '../../core/usage.ts'
import { readMessageAnswer } from './answer.ts'

describe('readMessageAnswer', () => {
  it('reads the usage of a message, compactions included', () => {
    const usage = {
      input_tokens: 10,
      output_tokens: 5,
      iterations: [{ type: 'compaction', input_tokens: 100, output_tokens: 20 }],
    }
    expect(readMessageAnswer(JSON.stringify({ type: 'message', usage }))).toEqual({
      usage: { ...NO_USAGE, inputTokens: 110, outputTokens: 25, complete: true },
      error: undefined,
      made: { message: undefined, container: undefined },
    })
  })

  it('reads an error that came with a 200', () => {
    const text = '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    expect(readMessageAnswer(text)).toEqual({
      usage: NO_USAGE,
      error: { type: 'overloaded_error', message: 'Overloaded', code: undefined },
      made: { message: undefined, container: undefined },
    })
  })

  it.each([
    ['a message without usage', '{"type":"message"}'],
    ['usage that is no object', '{"type":"message","usage":7}'],
    ['an array', '[{"usage":{"input_tokens":1}}]'],
    ['null', 'null'],
    ['half a message', '{"type":"message","usage":{"input_tokens":1'],
    ['a page', '<html></html>'],
    ['nothing', ''],
  ])('says that it knows nothing of %s', (_what, text) => {
    expect(readMessageAnswer(text)).toEqual({
      usage: NO_USAGE,
      error: undefined,
      made: { message: undefined, container: undefined },
    })
  })

  it.each([
    [
      'its container',
      '{"container":{"id":"container_01","expires_at":"2026-11-20T12:00:00Z"}}',
      'container_01',
    ],
    ['no container', '{"container":null}', undefined],
    ['a container without an id', '{"container":{"id":7}}', undefined],
  ])('reads %s', (_what, text, container) => {
    expect(readMessageAnswer(text).made.container).toBe(container)
  })

  it('never throws', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void readMessageAnswer(text)))
  })
})
