/**
 * What ends a cooldown before its time, what only a person ends, and how an account comes
 * back: polls, new credentials, sign-ins, recovery (G7, G8, G14).
 */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON, sampleCooldown } from '../../test/support/samples.ts'
import type { Cause, Failure } from './failure.ts'
import {
  afterFailure,
  afterNewCredential,
  afterOthersSuccess,
  afterReading,
  afterSuccess,
  type Cooldown,
  HEALTHY,
  type Health,
  rampOf,
} from './health.ts'
import type { Window } from './limits.ts'
import { HOUR, later, MINUTE, type Millis, SECOND } from './time.ts'

const MODEL = 'claude-sonnet-5-5'
const END = later(NOON, HOUR)
const SOON = later(NOON, MINUTE)
const OPUS = { kind: 'family', family: 'opus' } as const
const CREDENTIAL_TROUBLES: readonly Cause[] = ['unauthorized', 'refresh-failed', 'secret-unreadable']

describe('a reading of a poll', () => {
  const spent = cooling({ window: '5h' })

  it('that shows the spent window open lets the very next request test the account (G8)', () => {
    const after = afterReading(spent, [reading('5h', 0.02)], SOON)
    expect(after.cooldowns).toEqual([sampleCooldown({ window: '5h', until: SOON })])
    expect(afterSuccess(after, MODEL, SOON).cooldowns).toEqual([])
  })

  it.each<[string, readonly Window[]]>([
    ['nothing', []],
    ['another window', [reading('7d', 0)]],
    ['a window with a name that only begins so', [reading('5h_tools', 0)]],
    ['that it is still spent', [reading('5h', 1)]],
    ['that it is refused', [{ ...reading('5h', 0.3), status: 'rejected' }]],
    ['no share of it: unknown is not zero', [{ name: '5h', readAt: SOON }]],
    ['what was so when the cooldown began', [{ ...reading('5h', 0), readAt: NOON }]],
    ['what was so before it began', [{ ...reading('5h', 0), readAt: later(NOON, -1) }]],
  ])('that says %s changes nothing', (_what, windows) => {
    expect(afterReading(spent, windows, SOON)).toBe(spent)
  })

  it('ends no cooldown that names no window', () => {
    const throttled = cooling({ cause: 'throttled' })
    expect(afterReading(throttled, [reading('5h', 0)], SOON)).toBe(throttled)
  })

  it('ends the cooldown of its window alone', () => {
    const health: Health = {
      ...HEALTHY,
      cooldowns: [
        sampleCooldown({ window: '7d' }),
        sampleCooldown({ scope: OPUS, cause: 'family-spent', window: '7d_opus' }),
      ],
    }
    const after = afterReading(health, [reading('7d_opus', 0.1), reading('5h', 0.1)], SOON)
    expect(after.cooldowns.map(({ until }) => until)).toEqual([END, SOON])
  })

  it('leaves alone what has ended already, so that its test stays what it is', () => {
    const over = cooling({ window: '5h', until: NOON })
    expect(afterReading(over, [reading('5h', 0)], SOON)).toBe(over)
  })

  it('touches neither faults nor the need of a sign-in', () => {
    const needing = { ...spent, login: { since: NOON, reason: 'gone' } }
    const after = afterReading(needing, [reading('5h', 0)], SOON)
    expect([after.login, after.faults]).toEqual([needing.login, needing.faults])
  })

  it('never begins a cooldown and never makes one longer, whatever it says (G14)', () => {
    const windows = fc.array(
      fc.record({
        name: fc.constantFrom('5h', '7d', '7d_opus', 'requests/min', 'balance', 'overage'),
        utilization: fc.double({ min: 0, max: 2, noNaN: true }),
        status: fc.constantFrom('allowed', 'rejected', 'payment_required', 'blocked'),
        readAt: fc.integer({ min: -HOUR, max: HOUR }).map((ms) => later(NOON, ms)),
      }),
    )
    fc.assert(
      fc.property(windows, fc.constantFrom(HEALTHY, spent), (read, before) => {
        const after = afterReading(before, read, SOON)
        expect(after.cooldowns.length).toBe(before.cooldowns.length)
        for (const [index, { until }] of after.cooldowns.entries())
          expect(until).toBeLessThanOrEqual(before.cooldowns[index]?.until ?? 0)
      }),
    )
  })
})

describe('a new credential', () => {
  it.each(CREDENTIAL_TROUBLES)('ends %s', (cause) => {
    expect(afterNewCredential(cooling({ cause })).cooldowns).toEqual([])
  })

  it('ends the need of a sign-in', () => {
    expect(afterNewCredential({ ...HEALTHY, login: { since: NOON, reason: 'gone' } }).login).toBeUndefined()
  })

  it.each<Cause>(['window-spent', 'family-spent', 'throttled', 'spend-limit', 'billing', 'forbidden'])(
    'does not end %s: the account has spent what it has spent (G7)',
    (cause) => {
      const before = cooling({ cause })
      expect(afterNewCredential(before).cooldowns).toBe(before.cooldowns)
    },
  )

  it('leaves the endpoint’s faults alone', () => {
    const fault: Failure = { cause: 'connect-refused', scope: { kind: 'request' }, evidence: 'refused' }
    const before = afterFailure(HEALTHY, fault, at(NOON))
    expect(afterNewCredential(before).faults).toBe(before.faults)
  })
})

describe('the need of a sign-in', () => {
  it('begins with its reason, and takes the place of what the credential was cooling from', () => {
    for (const cause of CREDENTIAL_TROUBLES)
      expect(afterFailure(cooling({ cause }), LOGIN, at(SOON))).toMatchObject({
        cooldowns: [],
        login: { since: SOON, reason: 'its grant is gone' },
      })
  })

  it('keeps its beginning, and knows the latest reason', () => {
    const first = afterFailure(HEALTHY, LOGIN, at(NOON))
    const second = afterFailure(first, { ...LOGIN, evidence: 'its token ended' }, at(END))
    expect(second.login).toEqual({ since: NOON, reason: 'its token ended' })
  })

  it('stands beside what the account has spent', () => {
    expect(afterFailure(cooling({}), LOGIN, at(SOON)).cooldowns).toEqual([sampleCooldown()])
  })

  it('is no fault of the endpoint and needs no other account’s proof', () => {
    const needing = afterFailure(HEALTHY, LOGIN, at(NOON))
    expect(needing.faults).toBe(HEALTHY.faults)
    expect(afterOthersSuccess(needing, LOGIN, at(NOON))).toBe(needing)
  })

  it('is not ended by an answer to a request that was under way', () => {
    const needing = afterFailure(HEALTHY, LOGIN, at(NOON))
    expect(afterSuccess(needing, MODEL, later(NOON, HOUR)).login).toEqual(needing.login)
  })
})

describe('an API key that was refused', () => {
  const refused: Failure = { cause: 'unauthorized', scope: { kind: 'account' }, evidence: '401' }

  it('is tested every five minutes, and heals with the first answer', () => {
    const first = afterFailure(HEALTHY, refused, at(NOON))
    const again = afterFailure(first, refused, at(later(NOON, 5 * MINUTE)))
    expect(again.cooldowns).toMatchObject([{ since: NOON, until: later(NOON, 10 * MINUTE) }])
    expect(again.login).toBeUndefined()
    expect(afterSuccess(again, MODEL, later(NOON, 10 * MINUTE)).cooldowns).toEqual([])
  })
})

describe('an account whose renewal failed', () => {
  it('waits as long as the next renewal is away, and no longer', () => {
    const failed: Failure = {
      cause: 'refresh-failed',
      scope: { kind: 'account' },
      evidence: 'its token could not be renewed',
      until: later(NOON, 20 * SECOND),
    }
    const health = afterFailure(HEALTHY, failed, at(NOON))
    expect(health.cooldowns).toMatchObject([{ cause: 'refresh-failed', until: later(NOON, 20 * SECOND) }])
    expect(health.faults).toBe(HEALTHY.faults)
  })
})

describe('an account that has recovered', () => {
  const recovered = afterSuccess(cooling({ until: NOON }), MODEL, NOON)

  it.each([
    [0, 1],
    [4_999, 1],
    [5_000, 2],
    [10_000, 4],
    [15_000, 8],
    [20_000, 16],
    [25_000, 32],
    [29_999, 32],
    [30_000, undefined],
    [HOUR, undefined],
  ])('is given, %d ms later, so many requests at once: %p', (laterMs, most) => {
    expect(rampAt(recovered, later(NOON, laterMs))).toBe(most)
  })

  it('is given one although the clock was set back', () => {
    expect(rampAt(recovered, later(NOON, -HOUR))).toBe(1)
  })

  it('begins once: further answers do not hold it down', () => {
    const after = afterSuccess(recovered, MODEL, later(NOON, 20 * SECOND))
    expect(rampAt(after, later(NOON, 20 * SECOND))).toBe(16)
  })

  it('begins anew with its next recovery', () => {
    const again = { ...recovered, cooldowns: [sampleCooldown({ until: END })] }
    expect(rampAt(afterSuccess(again, MODEL, END), END)).toBe(1)
  })

  it.each<[string, Health]>([
    ['never cooled', HEALTHY],
    ['cooled for a family only', afterSuccess(cooling({ scope: OPUS, until: NOON }), 'claude-opus-5', NOON)],
    ['has a new credential', afterNewCredential(cooling({ cause: 'unauthorized' }))],
    ['cools still', afterSuccess(cooling({}), MODEL, NOON)],
  ])('is given as many as there are when it %s', (_what, health) => {
    expect(rampAt(health, NOON)).toBeUndefined()
  })
})

it('never cools without evidence, never longer than its evidence, whatever comes in whatever order (G7, G8)', () => {
  const causes: readonly Cause[] = [
    'window-spent',
    'family-spent',
    'throttled',
    'billing',
    'refresh-failed',
    'forbidden',
  ]
  const steps = fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constantFrom('failure' as const, 'others' as const),
        cause: fc.constantFrom(...causes, 'unauthorized', 'login-required', 'server-error'),
        scope: fc.constantFrom<Cooldown['scope']>(OPUS, { kind: 'account' }),
        lastsMs: fc.integer({ min: 1, max: 5 * HOUR }),
        pauseMs: fc.nat({ max: HOUR }),
      }),
      fc.record({
        kind: fc.constantFrom('success' as const, 'credential' as const),
        pauseMs: fc.nat({ max: HOUR }),
      }),
      fc.record({
        kind: fc.constant('reading' as const),
        utilization: fc.double({ min: 0, max: 1.2, noNaN: true }),
        pauseMs: fc.nat({ max: HOUR }),
      }),
    ),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(steps, (sequence) => {
      let health = HEALTHY
      let now = NOON
      const proven = new Set<number>()
      for (const step of sequence) {
        now = later(now, step.pauseMs)
        switch (step.kind) {
          case 'failure':
          case 'others': {
            const until = later(now, step.lastsMs)
            const scope = step.cause === 'server-error' ? REQUEST : step.scope
            const failure: Failure = { cause: step.cause, scope, evidence: 'seen', window: '5h', until }
            proven.add(until)
            proven.add(later(now, 5 * MINUTE))
            health = (step.kind === 'failure' ? afterFailure : afterOthersSuccess)(health, failure, at(now))
            break
          }
          case 'success':
            health = afterSuccess(health, MODEL, now)
            break
          case 'credential':
            health = afterNewCredential(health)
            expect(health.login).toBeUndefined()
            break
          case 'reading':
            health = afterReading(health, [{ name: '5h', utilization: step.utilization, readAt: now }], now)
            proven.add(now)
        }
        for (const { until, since, evidence } of health.cooldowns) {
          expect(proven.has(until)).toBe(true)
          expect(since).toBeLessThanOrEqual(now)
          expect(evidence).toBe('seen')
        }
        expect((rampAt(health, now) ?? 1) >= 1).toBe(true)
      }
    }),
  )
})

const rampAt = ({ recoveredAt }: Health, now: Millis) =>
  recoveredAt === undefined ? undefined : rampOf(recoveredAt, now)

const REQUEST = { kind: 'request' } as const
const LOGIN: Failure = { cause: 'login-required', scope: { kind: 'account' }, evidence: 'its grant is gone' }

const at = (now: Millis) => ({ conversation: 'c1', now })

function cooling(change: Partial<Cooldown>): Health {
  return { ...HEALTHY, cooldowns: [sampleCooldown({ until: END, ...change })] }
}

function reading(name: string, utilization: number): Window {
  return { name, utilization, readAt: SOON }
}
