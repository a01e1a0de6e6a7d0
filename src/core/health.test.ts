/** Every transition of an account's health: fair blame (G7), and cooldowns that end (G8). */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import type { Cause, Failure } from './failure.ts'
import {
  afterFailure,
  afterOthersSuccess,
  afterSuccess,
  type Cooldown,
  HEALTHY,
  type Health,
  isAbout,
} from './health.ts'
import { HOUR, later, MINUTE, type Millis, SECOND, toMillis } from './time.ts'

const noon = toMillis(Date.parse('2026-11-20T12:00:00Z'))
const MODEL = 'claude-sonnet-5-5'

const ENDPOINT_FAULTS: readonly Cause[] = [
  'dns-failed',
  'connect-refused',
  'connect-timeout',
  'tls-failed',
  'egress-proxy',
  'blocked-address',
  'no-sockets',
  'reset',
  'headers-timeout',
  'content-timeout',
  'bad-response',
  'redirect',
  'empty-answer',
  'overloaded',
  'server-error',
  'request-timeout',
]
const OUTRIGHT: readonly Cause[] = ['window-spent', 'throttled', 'spend-limit', 'billing']
const NEEDS_PROOF: readonly Cause[] = ['forbidden', 'model-not-found', 'context-limit']

describe('evidence against the account itself', () => {
  it.each(OUTRIGHT)('%s benches it at once, until the evidence says', (cause) => {
    const until = later(noon, 30 * MINUTE)
    expect(afterFailure(HEALTHY, failure(cause, { until }), context()).cooldowns).toEqual([
      { scope: ACCOUNT, cause, evidence: 'seen', since: noon, until },
    ])
  })

  it('benches one family when it speaks of a family', () => {
    const spent = failure('family-spent', {
      scope: { kind: 'family', family: 'opus' },
      until: later(noon, HOUR),
    })
    expect(afterFailure(HEALTHY, spent, context()).cooldowns).toMatchObject([
      { scope: { kind: 'family', family: 'opus' }, cause: 'family-spent' },
    ])
  })

  it('lets a refused credential be asked about again within minutes, so that a provider’s mistake heals', () => {
    const [cooldown] = afterFailure(HEALTHY, failure('unauthorized'), context()).cooldowns
    expect(cooldown).toMatchObject({ scope: ACCOUNT, cause: 'unauthorized', until: later(noon, 5 * MINUTE) })
  })

  it('benches nobody where it names no time', () => {
    expect(afterFailure(HEALTHY, failure('throttled'), context()).cooldowns).toEqual([])
  })

  it('benches nobody where it speaks of the request', () => {
    const refused = failure('request-refused', { scope: REQUEST, until: later(noon, HOUR) })
    expect(afterFailure(HEALTHY, refused, context()).cooldowns).toEqual([])
    expect(afterOthersSuccess(HEALTHY, refused, context()).cooldowns).toEqual([])
  })

  it('is no fault of the endpoint', () => {
    const until = later(noon, HOUR)
    for (const cause of [...OUTRIGHT, ...NEEDS_PROOF, 'conflict', 'request-refused'] as const) {
      expect(afterFailure(HEALTHY, failure(cause, { until }), context()).faults).toEqual(HEALTHY.faults)
    }
  })
})

describe('evidence that could be the request’s own (G7)', () => {
  it.each(NEEDS_PROOF)('%s benches nobody by itself', (cause) => {
    const refused = failure(cause, { scope: { kind: 'model', model: MODEL }, until: later(noon, MINUTE) })
    expect(afterFailure(HEALTHY, refused, context()).cooldowns).toEqual([])
  })

  it.each(NEEDS_PROOF)('%s counts once another account has served the same request', (cause) => {
    const until = later(noon, MINUTE)
    const refused = failure(cause, { scope: { kind: 'model', model: MODEL }, until })
    expect(afterOthersSuccess(HEALTHY, refused, context()).cooldowns).toEqual([
      { scope: { kind: 'model', model: MODEL }, cause, evidence: 'seen', since: noon, until },
    ])
  })

  it('does not bench twice for what was proven at once', () => {
    const spent = failure('window-spent', { until: later(noon, HOUR) })
    const cooling = afterFailure(HEALTHY, spent, context())
    expect(afterOthersSuccess(cooling, spent, context())).toBe(cooling)
  })
})

describe('a cooldown', () => {
  it('replaces an older one of the same scope and cause, and keeps the time it began', () => {
    const first = afterFailure(HEALTHY, failure('window-spent', { until: later(noon, MINUTE) }), context())
    const until = later(noon, HOUR)
    const again = afterFailure(first, failure('window-spent', { until }), context({ after: 10 * SECOND }))
    expect(again.cooldowns).toMatchObject([{ since: noon, until }])
  })

  it('of another cause begins anew', () => {
    const first = afterFailure(HEALTHY, failure('throttled', { until: later(noon, MINUTE) }), context())
    const spent = failure('window-spent', { until: later(noon, HOUR) })
    const second = afterFailure(first, spent, context({ after: SECOND }))
    expect(second.cooldowns).toMatchObject([{ cause: 'window-spent', since: later(noon, SECOND) }])
  })

  it('of another scope stands beside the first', () => {
    const until = later(noon, HOUR)
    const scopes = [
      ACCOUNT,
      { kind: 'family', family: 'opus' },
      { kind: 'family', family: 'haiku' },
      { kind: 'model', model: 'opus' },
    ] as const
    const health = scopes.reduce<Health>(
      (before, scope) => afterFailure(before, failure('throttled', { scope, until }), context()),
      HEALTHY,
    )
    expect(health.cooldowns.map(({ scope }) => scope)).toEqual([...scopes])
  })

  it.each<[Cooldown['scope'], string | undefined, boolean]>([
    [{ kind: 'account' }, MODEL, true],
    [{ kind: 'account' }, undefined, true],
    [{ kind: 'family', family: 'sonnet' }, MODEL, true],
    [{ kind: 'family', family: 'opus' }, MODEL, false],
    [{ kind: 'family', family: 'sonnet' }, undefined, false],
    [{ kind: 'model', model: MODEL }, MODEL, true],
    [{ kind: 'model', model: 'claude-sonnet-5' }, MODEL, false],
    [{ kind: 'model', model: MODEL }, undefined, false],
  ])('of %j and a request for %s: %p', (scope, model, expected) => {
    expect(isAbout(scope, model)).toBe(expected)
  })

  it('is never longer than its evidence, and always ends (G8)', () => {
    const untils = fc.integer({ min: 1, max: 31 * 24 * HOUR }).map((ms) => later(noon, ms))
    fc.assert(
      fc.property(fc.constantFrom(...OUTRIGHT), untils, fc.boolean(), (cause, until, isProven) => {
        const transition = isProven ? afterOthersSuccess : afterFailure
        const { cooldowns } = transition(HEALTHY, failure(cause, { until }), context())
        for (const cooldown of cooldowns) expect(cooldown.until).toBeLessThanOrEqual(until)
      }),
    )
  })
})

describe('a fault of the endpoint', () => {
  it.each(ENDPOINT_FAULTS)('%s benches nobody, whatever it carries (G7)', (cause) => {
    const fault = failure(cause, { scope: REQUEST, until: later(noon, HOUR) })
    expect(afterFailure(HEALTHY, fault, context()).cooldowns).toEqual([])
    expect(afterOthersSuccess(HEALTHY, fault, context()).cooldowns).toEqual([])
  })

  it.each(ENDPOINT_FAULTS)('%s is remembered with its moment', (cause) => {
    expect(afterFailure(HEALTHY, endpointFault(cause), context()).faults).toMatchObject({
      inARow: 1,
      lastAt: noon,
      lastConversation: 'c1',
    })
  })

  it('lets others go first after three failing conversations in a row', () => {
    const two = failing(['c1', 'c2'])
    expect(two.faults.avoidUntil).toBeUndefined()
    const three = afterFailure(two, endpointFault('server-error'), context({ conversation: 'c3' }))
    expect(three.faults.avoidUntil).toBe(later(noon, 15 * SECOND))
  })

  it('lets them go first for longer with each further one, up to five minutes', () => {
    const lengths = [3, 4, 5, 6, 7, 8, 40].map((count) => {
      const { avoidUntil } = failing(Array.from({ length: count }, (_, index) => `c${index}`)).faults
      return ((avoidUntil ?? noon) - noon) / SECOND
    })
    expect(lengths).toEqual([15, 30, 60, 120, 240, 300, 300])
  })

  it('counts once for a conversation that fails again: one bad request says no more than that (G7)', () => {
    const again = failing(['c1', 'c1', 'c1', 'c1', 'c1'])
    expect(again.faults).toMatchObject({ inARow: 1, avoidUntil: undefined })
  })

  it('is still remembered with its latest moment then', () => {
    const again = afterFailure(failing(['c1']), endpointFault('server-error'), context({ after: SECOND }))
    expect(again.faults).toMatchObject({ inARow: 1, lastAt: later(noon, SECOND) })
  })

  it('counts each time for requests that belong to no conversation', () => {
    expect(failing([undefined, undefined, undefined]).faults.inARow).toBe(3)
  })

  it('lets others go first at once when no connection came about, because no request is to blame for that', () => {
    const once = afterFailure(HEALTHY, endpointFault('connect-refused'), context())
    expect(once.faults.avoidUntil).toBe(later(noon, 15 * SECOND))
    const twice = afterFailure(once, endpointFault('connect-refused'), context())
    expect(twice.faults).toMatchObject({ inARow: 2, avoidUntil: later(noon, 30 * SECOND) })
  })

  it('lets others go first for five seconds when the provider is overloaded', () => {
    const { faults } = afterFailure(HEALTHY, endpointFault('overloaded'), context())
    expect(faults.avoidUntil).toBe(later(noon, 5 * SECOND))
  })

  it('never shortens what a worse one said', () => {
    const worse = failing(['c1', 'c2', 'c3', 'c4', 'c5'])
    const { faults } = afterFailure(worse, endpointFault('overloaded'), context({ conversation: 'c6' }))
    expect(faults.avoidUntil).toBe(later(noon, MINUTE))
  })
})

describe('a fault that another account made good', () => {
  it('counts even for a conversation that was counted before, because now it is known whose it was', () => {
    const again = afterFailure(failing(['c1']), endpointFault('server-error'), context({ after: SECOND }))
    const proven = afterOthersSuccess(again, endpointFault('server-error'), context({ after: SECOND }))
    expect(proven.faults.inARow).toBe(2)
  })

  it('is one fault, not two', () => {
    const proven = afterOthersSuccess(failing(['c1']), endpointFault('server-error'), context())
    expect(proven.faults.inARow).toBe(1)
  })

  it('leaves cooldowns as they are', () => {
    const cooling = afterFailure(HEALTHY, failure('throttled', { until: later(noon, MINUTE) }), context())
    expect(afterOthersSuccess(cooling, endpointFault('reset'), context()).cooldowns).toBe(cooling.cooldowns)
  })
})

describe('an answer', () => {
  it('forgets every fault', () => {
    expect(afterSuccess(failing(['c1', 'c2', 'c3']), MODEL, noon)).toEqual(HEALTHY)
  })

  it('ends expired cooldowns that the request has put to the test', () => {
    const until = later(noon, MINUTE)
    const cooling = afterFailure(HEALTHY, failure('window-spent', { until }), context())
    expect(afterSuccess(cooling, MODEL, until).cooldowns).toEqual([])
  })

  it('ends no cooldown that still runs: the request was under way before it began', () => {
    const cooling = afterFailure(HEALTHY, failure('window-spent', { until: later(noon, MINUTE) }), context())
    expect(afterSuccess(cooling, MODEL, noon).cooldowns).toEqual(cooling.cooldowns)
  })

  it('ends no expired cooldown of another model or family', () => {
    const scope = { kind: 'family', family: 'opus' } as const
    const cooling = afterFailure(HEALTHY, failure('family-spent', { scope, until: noon }), context())
    expect(afterSuccess(cooling, MODEL, later(noon, HOUR)).cooldowns).toHaveLength(1)
    expect(afterSuccess(cooling, 'claude-opus-5', later(noon, HOUR)).cooldowns).toEqual([])
  })

  it('changes nothing where there is nothing to forget', () => {
    expect(afterSuccess(HEALTHY, MODEL, noon)).toBe(HEALTHY)
  })
})

it('is never benched by endpoint faults, in whatever order they come (G7)', () => {
  const steps = fc.array(
    fc.record({
      cause: fc.constantFrom(...ENDPOINT_FAULTS),
      conversation: fc.constantFrom('c1', 'c2', undefined),
      isProven: fc.boolean(),
      pauseMs: fc.nat({ max: HOUR }),
    }),
  )
  fc.assert(
    fc.property(steps, (faults) => {
      let health = HEALTHY
      let now = noon
      for (const { cause, conversation, isProven, pauseMs } of faults) {
        const at = { conversation, now }
        health = afterFailure(health, endpointFault(cause), at)
        if (isProven) health = afterOthersSuccess(health, endpointFault(cause), at)
        expect(health.cooldowns).toEqual([])
        expect((health.faults.avoidUntil ?? now) - now).toBeLessThanOrEqual(5 * MINUTE)
        now = later(now, pauseMs)
      }
    }),
  )
})

const ACCOUNT = { kind: 'account' } as const
const REQUEST = { kind: 'request' } as const

function failure(cause: Cause, change: Partial<Failure> = {}): Failure {
  return { cause, scope: ACCOUNT, evidence: 'seen', ...change }
}

function endpointFault(cause: Cause): Failure {
  return failure(cause, { scope: REQUEST })
}

function context(change: { readonly conversation?: string; readonly after?: number } = {}) {
  const now: Millis = later(noon, change.after ?? 0)
  return { conversation: change.conversation ?? 'c1', now }
}

/** Server errors of these conversations, one after the other. */
function failing(conversations: readonly (string | undefined)[]): Health {
  return conversations.reduce<Health>(
    (health, conversation) =>
      afterFailure(health, endpointFault('server-error'), { conversation, now: noon }),
    HEALTHY,
  )
}
