/** Errors on purpose keep their words; bugs show none. */
import { describe, expect, it } from 'bun:test'
import { type ErrorCode, GatewayError, messageOf, STATUS_OF, toGatewayError } from './error.ts'

describe('GatewayError', () => {
  it('carries its code, its sentence, its details and its cause', () => {
    const cause = new Error('disk')
    const details = [{ path: 'name', message: 'is taken' }]
    const error = new GatewayError('conflict', 'The name is taken.', { cause, details })
    expect(error).toMatchObject({
      name: 'GatewayError',
      code: 'conflict',
      message: 'The name is taken.',
      details,
    })
    expect(error.cause).toBe(cause)
  })

  it('has no cause where none was given', () => {
    expect('cause' in new GatewayError('conflict', 'x')).toBe(false)
  })
})

describe('toGatewayError', () => {
  it('passes on what was thrown on purpose', () => {
    const error = new GatewayError('not-found', 'There is no such account.')
    expect(toGatewayError(error)).toBe(error)
  })

  it.each([new Error('secret in here'), 'text', undefined, null, { code: 'not-found' }])(
    'shows nothing of anything else (%#)',
    (thrown) => {
      expect(toGatewayError(thrown)).toMatchObject({ code: 'internal', message: 'Internal error.' })
    },
  )

  it('keeps a bug as the cause, for the log', () => {
    const bug = new TypeError('x is undefined')
    expect(toGatewayError(bug).cause).toBe(bug)
  })
})

describe('STATUS_OF', () => {
  it.each<[ErrorCode, number]>([
    ['bad-request', 400],
    ['unauthenticated', 401],
    ['forbidden', 403],
    ['not-found', 404],
    ['method-not-allowed', 405],
    ['request-timeout', 408],
    ['conflict', 409],
    ['too-large', 413],
    ['unsupported-encoding', 415],
    ['misdirected', 421],
    ['too-many-attempts', 429],
    ['unavailable', 503],
    ['storage-full', 507],
    ['internal', 500],
  ])('turns %s into %d', (code, status) => {
    expect(STATUS_OF[code]).toBe(status)
  })
})

describe('messageOf', () => {
  it('reads an error', () => expect(messageOf(new Error('no'))).toBe('no'))
  it('reads anything else', () => expect(messageOf(17)).toBe('17'))
})
