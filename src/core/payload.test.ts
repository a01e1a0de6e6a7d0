/** Which bodies are kept, by what the operator says and by the request alone. */
import { describe, expect, it } from 'bun:test'
import { gatheredBy, isKept, readPayloadRule } from './payload.ts'

describe('what the operator says', () => {
  it.each(['off', 'headers', 'errors', 'all'] as const)('can be %s', (kind) => {
    expect(readPayloadRule(kind)).toEqual({ kind })
  })

  it.each([
    ['sampled 5%', 5],
    ['sampled 0.25 %', 0.25],
    ['sampled 100%', 100],
  ])('can be a part: %s', (text, percent) => {
    expect(readPayloadRule(text)).toEqual({ kind: 'sampled', percent })
  })

  it.each([
    '',
    'some',
    'ALL',
    'sampled',
    'sampled 0%',
    'sampled 101%',
    'sampled -1%',
    'sampled 5',
    7,
    null,
    undefined,
  ])('cannot be %p', (text) => expect(readPayloadRule(text)).toBeUndefined())
})

describe('a part of all requests', () => {
  const rule = { kind: 'sampled', percent: 10 } as const

  it('is told from the request’s id alone, so that all who ask agree', () => {
    expect(gatheredBy(rule, '01a21242-8fd3-720a-907a-cf07000fffff')).toBe('bodies')
    expect(gatheredBy(rule, '01a21242-8fd3-720a-907a-cf071999999a')).toBe('nothing')
    expect(gatheredBy(rule, '01a21242-8fd3-720a-907a-cf07ffffffff')).toBe('nothing')
  })

  it('is about as large as was asked for', () => {
    const ids = Array.from({ length: 20_000 }, () => Bun.randomUUIDv7())
    const kept = ids.filter((id) => gatheredBy(rule, id) === 'bodies')
    expect(kept.length).toBeGreaterThan(1_700)
    expect(kept.length).toBeLessThan(2_300)
  })

  it('is everything at 100 %', () => {
    expect(gatheredBy({ kind: 'sampled', percent: 100 }, `${'f'.repeat(28)}ffffffff`)).toBe('bodies')
  })
})

describe('errors', () => {
  it('are gathered whole, and kept when it is known that they are some', () => {
    expect(gatheredBy({ kind: 'errors' }, 'id')).toBe('bodies')
    for (const outcome of ['client-error', 'upstream-error', 'refused', 'aborted', 'truncated'] as const)
      expect(isKept({ kind: 'errors' }, outcome)).toBe(true)
    expect(isKept({ kind: 'errors' }, 'ok')).toBe(false)
  })
})

describe('all the other rules', () => {
  it('keep what was gathered, however it ended', () => {
    for (const kind of ['headers', 'all'] as const) expect(isKept({ kind }, 'ok')).toBe(true)
    expect(gatheredBy({ kind: 'headers' }, 'id')).toBe('headers')
    expect(gatheredBy({ kind: 'all' }, 'id')).toBe('bodies')
    expect(gatheredBy({ kind: 'off' }, 'id')).toBe('nothing')
  })
})
