/** Wrong credentials are counted by address and by minute, in bounded memory. */
import { describe, expect, it } from 'bun:test'
import { manualClock } from '../../test/support/samples.ts'
import { createAttemptLimit } from './attempt-limit.ts'

describe('the limit on wrong credentials', () => {
  const attempts = (limit: (peer: string) => boolean, peer: string, count: number) =>
    Array.from({ length: count }, () => limit(peer))

  it('is reached after a minute’s share, by each address for itself', () => {
    const limit = createAttemptLimit(20, manualClock().elapsed)
    expect(attempts(limit, 'a', 20)).not.toContain(true)
    expect(attempts(limit, 'a', 5)).not.toContain(false)
    expect(limit('b')).toBe(false)
  })

  it('is over after a minute', () => {
    const clock = manualClock()
    const limit = createAttemptLimit(3, clock.elapsed)
    attempts(limit, 'a', 10)
    clock.advance(60_000)
    expect(limit('a')).toBe(true)
    clock.advance(1)
    expect(attempts(limit, 'a', 4)).toEqual([false, false, false, true])
  })

  it('does not grow with the number of addresses', () => {
    const limit = createAttemptLimit(3, manualClock().elapsed)
    for (let n = 0; n < 50_000; n++) expect(limit(`peer-${n}`)).toBe(false)
  })
})
