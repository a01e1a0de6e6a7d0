/** The error envelope, read from several dialects and written in one (`wire.md` §1.6). */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { errorTypeOf, readErrorEnvelope, statusOfType, writeErrorEnvelope } from './error.ts'

describe('readErrorEnvelope', () => {
  it('reads type, message and error code', () => {
    const details = { error_code: 'ramp_limit_exceeded' }
    const error = { type: 'rate_limit_error', message: 'Slow down.', details }
    expect(readErrorEnvelope(JSON.stringify({ type: 'error', error, request_id: 'req_1' }))).toEqual({
      type: 'rate_limit_error',
      message: 'Slow down.',
      code: 'ramp_limit_exceeded',
    })
  })

  it('reads an envelope without its outer type, after space', () => {
    expect(readErrorEnvelope(' \n{"error":{"type":"api_error","message":"x"}}')).toMatchObject({
      type: 'api_error',
    })
  })

  it('reads the code of dialects that put it beside the message', () => {
    expect(readErrorEnvelope('{"error":{"message":"x","code":"insufficient_quota"}}')).toEqual({
      type: '',
      message: 'x',
      code: 'insufficient_quota',
    })
  })

  it('prefers the code in the details', () => {
    const text = '{"error":{"code":"outer","details":{"error_code":"inner"}}}'
    expect(readErrorEnvelope(text)?.code).toBe('inner')
  })

  it('has no code where it is no text', () => {
    expect(readErrorEnvelope('{"error":{"code":402,"details":{"error_code":7}}}')).toEqual({
      type: '',
      message: '',
      code: undefined,
    })
  })

  it.each([
    '',
    'null',
    '[]',
    '"error"',
    '{}',
    '{"error":"text"}',
    '{"error":null}',
    '{"error":[]}',
    '{"error":{',
  ])('sees none in %s', (text) => {
    expect(readErrorEnvelope(text)).toBeUndefined()
  })

  it('sees none in a page of an edge proxy', () => {
    expect(readErrorEnvelope('<html><body>{"error":{}}</body></html>')).toBeUndefined()
  })
})

describe('writeErrorEnvelope', () => {
  it('writes what clients read, with the request’s id', () => {
    expect(JSON.parse(writeErrorEnvelope(429, 'Every account is limited.', 'r1'))).toEqual({
      type: 'error',
      error: { type: 'rate_limit_error', message: 'Every account is limited.' },
      request_id: 'r1',
    })
  })

  it('leaves the id out where there is none', () => {
    expect(writeErrorEnvelope(400, 'x', undefined)).not.toContain('request_id')
  })

  it('is read back as it was written, whatever the message', () => {
    fc.assert(
      fc.property(fc.integer({ min: 400, max: 599 }), fc.string({ unit: 'binary' }), (status, message) => {
        expect(readErrorEnvelope(writeErrorEnvelope(status, message, 'r1'))).toEqual({
          type: errorTypeOf(status),
          message,
          code: undefined,
        })
      }),
    )
  })
})

describe('the type of a status', () => {
  it.each([
    [400, 'invalid_request_error'],
    [401, 'authentication_error'],
    [402, 'billing_error'],
    [403, 'permission_error'],
    [404, 'not_found_error'],
    [405, 'not_found_error'],
    [408, 'timeout_error'],
    [409, 'conflict_error'],
    [413, 'request_too_large'],
    [415, 'invalid_request_error'],
    [421, 'invalid_request_error'],
    [422, 'invalid_request_error'],
    [429, 'rate_limit_error'],
    [500, 'api_error'],
    [503, 'api_error'],
    [504, 'timeout_error'],
    [507, 'api_error'],
    [529, 'overloaded_error'],
  ])('%d is %s', (status, type) => {
    expect(errorTypeOf(status)).toBe(type)
  })
})

describe('the status of a type', () => {
  it.each([400, 401, 402, 403, 404, 409, 413, 429, 504, 529])('leads from %d there and back', (status) => {
    expect(statusOfType(errorTypeOf(status))).toBe(status)
  })

  it.each(['api_error', 'something_new', ''])('is 500 for "%s"', (type) =>
    expect(statusOfType(type)).toBe(500),
  )
})
