/** When a client seems to have run away. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON } from '../../test/support/samples.ts'
import { NEW_TRAIL, runawayIn, type Trail, trailAfter, withinLastMinute } from './brake.ts'
import { DAY, later, MINUTE, type Millis, SECOND } from './time.ts'

const policy = { repeats: 3, tokensPerMinute: 1_000 }

describe('the same request', () => {
  it('is one too many when it has been answered as often as is allowed', () => {
    expect(seenAfter(['x', 'x'], 'x')).toBeUndefined()
    expect(seenAfter(['x', 'x', 'x'], 'x')).toMatchObject({
      kind: 'repeats',
      until: later(NOON, 10 * MINUTE),
    })
    expect(seenAfter(['x', 'x', 'x'], 'y')).toBeUndefined()
  })

  it('is found in a circle of requests as well', () => {
    expect(seenAfter(['a', 'b', 'a', 'b', 'a', 'b'], 'a')).toMatchObject({ kind: 'repeats' })
  })

  it('is forgotten after ten minutes', () => {
    const trail = trailOf(['x', 'x', 'x'])
    expect(runawayIn(trail, 'x', { policy, now: later(NOON, 10 * MINUTE) })).toBeUndefined()
  })

  it('is not held against anybody when the clock was put back', () => {
    const trail = trailOf(['x', 'x', 'x'])
    const before = later(NOON, -MINUTE)
    expect(runawayIn(trail, 'x', { policy, now: before })).toBeUndefined()
    const after = trailAfter(trail, { digest: 'x', tokens: 0, now: before })
    expect(after.repeats).toEqual([{ digest: 'x', count: 1, since: before }])
  })

  it('never counts where the operator does not mind', () => {
    const trail = trailOf(Array.from({ length: 99 }, () => 'x'))
    expect(runawayIn(trail, 'x', { policy: { repeats: 0, tokensPerMinute: 0 }, now: NOON })).toBeUndefined()
  })
})

describe('tokens', () => {
  const spent = (tokens: number, at: Millis, trail = NEW_TRAIL) =>
    trailAfter(trail, { digest: undefined, tokens, now: at })

  it('are too many beyond the limit of a minute', () => {
    expect(runawayIn(spent(1_000, NOON), undefined, { policy, now: NOON })).toBeUndefined()
    expect(runawayIn(spent(1_001, NOON), undefined, { policy, now: NOON })).toMatchObject({
      kind: 'velocity',
    })
  })

  it('of the minute before count less and less', () => {
    const trail = spent(100, later(NOON, MINUTE), spent(1_500, NOON))
    const at = (ms: number) => runawayIn(trail, undefined, { policy, now: later(NOON, MINUTE + ms) })?.kind
    expect([at(0), at(20 * SECOND), at(30 * SECOND)]).toEqual(['velocity', 'velocity', undefined])
  })

  it('of an answer that took long count as far as they belong to its last minute', () => {
    expect(withinLastMinute(1_200, 10 * MINUTE)).toBe(120)
    expect(withinLastMinute(1_200, MINUTE)).toBe(1_200)
    expect(withinLastMinute(1_200, 0)).toBe(1_200)
  })

  it('are not made more by a clock that was put back', () => {
    const trail = spent(900, later(NOON, MINUTE), spent(900, NOON))
    expect(runawayIn(trail, undefined, { policy, now: later(NOON, -DAY) })).toBeUndefined()
    const after = spent(900, later(NOON, -DAY), trail)
    expect(runawayIn(after, undefined, { policy, now: later(NOON, -DAY) })).toBeUndefined()
  })

  it('are forgotten after two minutes', () => {
    expect(runawayIn(spent(9_999, NOON), undefined, { policy, now: later(NOON, 2 * MINUTE) })).toBeUndefined()
  })
})

it('remembers no more than a few requests, whatever comes', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (digests) => {
      expect(trailOf(digests).repeats.length).toBeLessThanOrEqual(8)
    }),
  )
})

const trailOf = (digests: readonly string[]): Trail =>
  digests.reduce((trail, digest) => trailAfter(trail, { digest, tokens: 0, now: NOON }), NEW_TRAIL)

const seenAfter = (digests: readonly string[], digest: string) =>
  runawayIn(trailOf(digests), digest, { policy, now: NOON })
