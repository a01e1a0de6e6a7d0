/**
 * G7, G8, G9 and G14 in worlds in which anything may happen (token-world.ts): random sequences
 * of answers, times, restarts, crashes and people, for some seconds. A failure prints the seed
 * and the shortest sequence; SPILLWAY_TOKENS_SEED repeats it, SPILLWAY_TOKENS_MS goes on longer.
 */
import { expect, it } from 'bun:test'
import fc from 'fast-check'
import { HOUR, MINUTE, SECOND } from '../../src/core/time.ts'
import { MESSAGE_ANSWERS, NAMES, TOKEN_ANSWERS, USAGE_ANSWERS } from './token-provider.ts'
import { DEEDS, live, type Step } from './token-world.ts'

const seed = Number(process.env.SPILLWAY_TOKENS_SEED ?? Math.floor(Math.random() * 2 ** 31))
const lengthMs = Number(process.env.SPILLWAY_TOKENS_MS ?? 15_000)

it(
  `nothing is held against an account without evidence or for longer than that, and no token is renewed twice (seed ${seed})`,
  async () => {
    let worlds = 0
    const property = fc.asyncProperty(
      fc.array(steps(), { minLength: 1, maxLength: 60, size: 'max' }),
      fc.constantFrom(75, 1_200),
      async (sequence, lifeSeconds) => {
        worlds++
        expect(await live(sequence, lifeSeconds)).toEqual([])
      },
    )
    await fc.assert(property, {
      seed,
      numRuns: 10_000,
      interruptAfterTimeLimit: lengthMs,
      endOnFailure: false,
    })
    expect(worlds).toBeGreaterThan(5)
  },
  lengthMs * 4 + 60_000,
)

function steps(): fc.Arbitrary<Step> {
  const name = fc.constantFrom(...NAMES)
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('ask' as const), count: fc.integer({ min: 1, max: 4 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('message' as const),
        name,
        answer: fc.constantFrom(...MESSAGE_ANSWERS),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('token' as const),
        answer: fc.constantFrom(...TOKEN_ANSWERS),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('usage' as const),
        answer: fc.constantFrom(...USAGE_ANSWERS),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('pass' as const),
        ms: fc.constantFrom(1, SECOND, 7 * SECOND, 45 * SECOND, 3 * MINUTE, 11 * MINUTE, 25 * MINUTE),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('set-calendar' as const),
        byMs: fc.constantFrom(HOUR, -HOUR, 10 * 365 * 24 * HOUR, -10 * 365 * 24 * HOUR),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'crash' as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('person' as const), name, deed: fc.constantFrom(...DEEDS) }),
    },
  )
}
