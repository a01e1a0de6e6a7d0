/** The routing decision, case by case: where a request goes, where it goes next, when it ends. */
import { describe, expect, it } from 'bun:test'
import {
  sampleFailed as failed,
  idOf,
  NOON,
  ownerOf,
  SAMPLE_POLICY,
  sampleBinding,
  sampleCooldown,
  sampleSituation,
  sampleView,
} from '../../test/support/samples.ts'
import type { Account } from './account.ts'
import type { Cause } from './failure.ts'
import { type Cooldown, type Faults, HEALTHY } from './health.ts'
import { nextStep, type Step } from './route.ts'
import type { AccountView, FailedAttempt, RequestFacts, Situation } from './situation.ts'
import { HOUR, later, MINUTE, SECOND } from './time.ts'

describe('a new request', () => {
  it('goes to the account with the best priority', () => {
    expect(sent([view('a', { priority: 5 }), view('b', { priority: 1 })])).toBe('b')
  })

  it('goes at once, on any connection, and counts against no budget', () => {
    expect(step([view('a')])).toMatchObject({ kind: 'send', delayMs: 0, fresh: false, isRetry: false })
  })

  it('says why it goes there, and why the others cannot take it', () => {
    const decided = step([cooling('a', HOUR), view('b')])
    expect(decided).toMatchObject({ kind: 'send', reason: 'best priority, then most room' })
    expect(refusalsOf(decided)).toEqual([['a', 'cooling']])
  })

  it('goes where the strategy says', () => {
    const views = [view('a', { lastTurn: 2 }), view('b', { lastTurn: 1, inFlight: 9 })]
    expect(sent(views, [], { strategy: 'round-robin' })).toBe('b')
    expect(sent(views, [], { strategy: 'least-requests' })).toBe('a')
    expect(sent(views, [], { strategy: 'affinity' })).toBe('a')
  })

  it('goes to the running session under the session strategy', () => {
    const running = { startedAt: later(NOON, -HOUR), requests: 3 }
    expect(sent([view('a'), view('b', { session: running })], [], { strategy: 'session' })).toBe('b')
  })

  it('that names a file goes to the account that owns it, and to no other', () => {
    const owned = { request: { owner: ownerOf('b') } }
    expect(sent([view('a'), view('b')], [], owned)).toBe('b')
    expect(step([view('a'), cooling('b', HOUR)], [], owned)).toMatchObject({
      kind: 'give-up',
      verdict: { status: 429 },
    })
  })

  it.each([0, 3])('is sent although the client has tried %d times already', (clientRetries) => {
    expect(sent([view('a')], [], { request: { clientRetries } })).toBe('a')
  })
})

describe('a conversation', () => {
  it('stays on its account', () => {
    expect(sent([view('a'), view('b', { priority: 9, inFlight: 20 })], [], boundTo('b'))).toBe('b')
  })

  it('spills to the next account while its own cools', () => {
    expect(sent([view('a'), cooling('b', HOUR), view('c')], [], boundTo('b'))).toBe('a')
  })

  it('spills to the same account as before', () => {
    expect(sent([view('a'), cooling('b', HOUR), view('c')], [], boundTo('b', 'c'))).toBe('c')
  })

  it('spills when its own account fails before the first byte', () => {
    expect(sent([view('a'), view('b')], [serverError('b')], boundTo('b'))).toBe('a')
  })

  it('spills while its account’s endpoint is in trouble', () => {
    expect(sent([view('a'), troubled('b', 10 * SECOND)], [], boundTo('b'))).toBe('a')
  })

  it('is served like a new one when its account is gone', () => {
    expect(sent([view('a', { inFlight: 3 }), view('b')], [], boundTo('gone'))).toBe('b')
  })

  it('keeps its account when only another model cools there', () => {
    const other = cooling('b', HOUR, { scope: { kind: 'model', model: 'claude-opus-5' } })
    expect(sent([view('a'), other], [], boundTo('b'))).toBe('b')
  })
})

describe('after a failure', () => {
  it.each<Cause>([
    'connect-refused',
    'reset',
    'headers-timeout',
    'content-timeout',
    'bad-response',
    'empty-answer',
    'overloaded',
    'server-error',
    'request-timeout',
    'conflict',
    'unauthorized',
    'forbidden',
    'billing',
    'window-spent',
    'throttled',
    'model-not-found',
    'request-refused',
    'secret-unreadable',
  ])('(%s) the request goes on to the next account at once', (cause) => {
    expect(step([view('a'), view('b')], [failed('a', cause)])).toMatchObject({
      kind: 'send',
      account: { name: 'b' },
      delayMs: 0,
    })
  })

  it('accounts that have failed are not asked again while another has not', () => {
    expect(sent([view('a'), view('b'), view('c')], [serverError('a'), serverError('b')])).toBe('c')
  })

  it('the next one is the next by priority', () => {
    const views = [view('a'), view('b', { priority: 2 }), view('c', { priority: 1 })]
    expect(sent(views, [serverError('a')])).toBe('c')
  })

  it('a move to a healthy account costs no budget', () => {
    expect(step([view('a'), view('b')], [serverError('a')], { retriesLeft: 0 })).toMatchObject({
      kind: 'send',
      isRetry: false,
    })
  })

  it('a move to an account that has just failed others counts against the budget', () => {
    const suspect = troubled('b', 0, { lastAt: later(NOON, -9 * SECOND) })
    expect(step([view('a'), suspect], [serverError('a')])).toMatchObject({ kind: 'send', isRetry: true })
    expect(step([view('a'), suspect], [serverError('a')], { retriesLeft: 0 })).toMatchObject({
      kind: 'give-up',
    })
  })

  it('and costs none again ten seconds later', () => {
    const calm = troubled('b', 0, { lastAt: later(NOON, -10 * SECOND) })
    expect(step([view('a'), calm], [serverError('a')], { retriesLeft: 0 })).toMatchObject({
      kind: 'send',
      isRetry: false,
    })
  })
})

describe('an endpoint in trouble', () => {
  it('is passed over while another account is calm, priority or not', () => {
    expect(sent([troubled('a', 10 * SECOND), view('b', { priority: 9 })])).toBe('b')
  })

  it('is used when nobody else is left', () => {
    expect(sent([troubled('a', 10 * SECOND), cooling('b', HOUR)])).toBe('a')
  })

  it('is used again from the end of that time on', () => {
    expect(sent([troubled('a', 0), view('b', { priority: 9 })])).toBe('a')
  })
})

describe('a refusal without a reason', () => {
  it('is worth one more account', () => {
    expect(sent([view('a'), view('b'), view('c')], [refused('a')])).toBe('b')
  })

  it('is not worth a third account', () => {
    const attempts = [refused('a'), refused('b')]
    expect(step([view('a'), view('b'), view('c')], attempts)).toMatchObject({ kind: 'give-up' })
  })

  it('ends the request after two accounts, however few there are', () => {
    expect(step([view('a'), view('b')], [refused('a'), refused('b')])).toMatchObject({ kind: 'give-up' })
  })

  it('is asked about once more after two seconds where there is only one account', () => {
    expect(step([view('a')], [refused('a')])).toMatchObject({
      kind: 'send',
      account: { name: 'a' },
      delayMs: 2 * SECOND,
      isRetry: true,
    })
    expect(step([view('a')], [refused('a'), refused('a')])).toMatchObject({ kind: 'give-up' })
  })
})

describe('x-should-retry: false', () => {
  it.each<Cause>(['server-error', 'overloaded', 'request-refused', 'conflict'])(
    'ends the request after %s',
    (cause) => {
      const final = failed('a', cause, { final: true })
      expect(step([view('a'), view('b')], [final])).toMatchObject({ kind: 'give-up' })
    },
  )

  it.each<Cause>(['unauthorized', 'forbidden', 'billing', 'window-spent', 'spend-limit', 'model-not-found'])(
    'does not end it after %s, which blames the account alone',
    (cause) => {
      expect(sent([view('a'), view('b')], [failed('a', cause, { final: true })])).toBe('b')
    },
  )

  it('of an earlier answer does not end what a later one left open', () => {
    const attempts = [failed('a', 'billing', { final: true }), serverError('b')]
    expect(sent([view('a'), view('b'), view('c')], attempts)).toBe('c')
  })
})

describe('when every account has failed', () => {
  it('the first is asked again after the pause, longer each time', () => {
    const once = [serverError('a')]
    expect(step([view('a')], once)).toMatchObject({ kind: 'send', delayMs: 1_000, isRetry: true })
    expect(step([view('a')], [...once, ...once])).toMatchObject({ kind: 'send', delayMs: 2_000 })
    expect(step([view('a')], [...once, ...once, ...once])).toMatchObject({ kind: 'give-up' })
  })

  it.each([
    [0, 750],
    [0.5, 1_000],
    [1, 1_250],
  ])('the pause is spread by chance (%d → %d ms)', (chance, delayMs) => {
    expect(step([view('a')], [serverError('a')], { chance })).toMatchObject({ delayMs })
  })

  it('only as often as the operator allows', () => {
    const once = { policy: { ...SAMPLE_POLICY, attemptsPerAccount: 1 } }
    expect(step([view('a')], [serverError('a')], once)).toMatchObject({ kind: 'give-up' })
  })

  it.each<Cause>(['request-refused', 'conflict'])(
    'not even for %s where the operator allows one attempt',
    (cause) => {
      const once = { policy: { ...SAMPLE_POLICY, attemptsPerAccount: 1 } }
      expect(step([view('a')], [failed('a', cause)], once)).toMatchObject({ kind: 'give-up' })
    },
  )

  it('not when the client tries again by itself', () => {
    expect(step([view('a')], [serverError('a')], { request: { clientRetries: 1 } })).toMatchObject({
      kind: 'give-up',
    })
  })

  it('not when the budget is used up', () => {
    expect(step([view('a')], [serverError('a')], { retriesLeft: 0 })).toMatchObject({ kind: 'give-up' })
  })

  it.each<Cause>([
    'headers-timeout',
    'content-timeout',
    'tls-failed',
    'redirect',
    'unauthorized',
    'model-not-found',
  ])('not after %s, which asking again cannot change', (cause) => {
    expect(step([view('a')], [failed('a', cause)])).toMatchObject({ kind: 'give-up' })
  })

  it('a conflict is asked about once more only', () => {
    const conflict = failed('a', 'conflict')
    expect(sent([view('a')], [conflict])).toBe('a')
    expect(step([view('a')], [conflict, conflict])).toMatchObject({ kind: 'give-up' })
  })

  it('not on an account that cools since it failed', () => {
    expect(step([cooling('a', HOUR)], [serverError('a')])).toMatchObject({ kind: 'give-up' })
  })

  it('not when the pause would outlast the patience', () => {
    const nearTheEnd = { elapsedMs: MINUTE - 999 }
    expect(step([view('a')], [serverError('a')], nearTheEnd)).toMatchObject({ kind: 'give-up' })
    expect(sent([view('a')], [serverError('a')], { elapsedMs: MINUTE - 1_000 })).toBe('a')
  })
})

describe('a stale connection', () => {
  it('is no failure of the account: the same one is asked at once on a fresh connection', () => {
    expect(step([view('a', { priority: 9 }), view('b')], [stale('a')])).toMatchObject({
      kind: 'send',
      account: { name: 'a' },
      fresh: true,
      delayMs: 0,
      isRetry: false,
    })
  })

  it('counts against no budget, no patience and no retry of the client’s', () => {
    const worn = { retriesLeft: 0, elapsedMs: HOUR, request: { clientRetries: 2 } }
    expect(step([view('a')], [stale('a')], worn)).toMatchObject({ kind: 'send', fresh: true })
  })

  it('is forgiven once for each account', () => {
    expect(sent([view('a'), view('b')], [stale('a'), stale('a')])).toBe('b')
    expect(step([view('a'), view('b')], [stale('a'), serverError('a'), stale('b')])).toMatchObject({
      account: { name: 'b' },
      fresh: true,
    })
  })

  it('does not lead back to an account that cools meanwhile', () => {
    expect(sent([cooling('a', HOUR), view('b')], [stale('a')])).toBe('b')
  })
})

describe('an expired cooldown', () => {
  it('lets one request through to test the account (G8)', () => {
    expect(sent([cooling('a', 0)])).toBe('a')
  })

  it('keeps the others waiting while it is tested, where nobody else can serve', () => {
    expect(step([probing('a')])).toMatchObject({ kind: 'wait', cause: 'probing' })
  })

  it('keeps nobody waiting where another account can serve', () => {
    expect(sent([probing('a'), view('b', { priority: 9 })])).toBe('b')
  })

  it('keeps who has waited for ten seconds no longer: they test it too, a second apart', () => {
    const since = (ms: number) => ({ ...probing('a'), probingSince: later(NOON, -ms) })
    expect(step([since(SECOND)], [], { elapsedMs: 10 * SECOND - 1 })).toMatchObject({ kind: 'wait' })
    expect(sent([since(SECOND)], [], { elapsedMs: 10 * SECOND })).toBe('a')
    expect(step([since(SECOND - 1)], [], { elapsedMs: 10 * SECOND })).toMatchObject({ kind: 'wait' })
  })

  it('is waited for by those who have failed elsewhere too, and not by those who have failed there', () => {
    const elsewhere = step([probing('a'), view('b')], [failed('b', 'unauthorized')])
    expect(elsewhere).toMatchObject({ kind: 'wait', cause: 'probing' })
    expect(step([probing('a')], [failed('a', 'server-error')])).toMatchObject({ kind: 'give-up' })
  })
})

describe('patience', () => {
  it('ends: no attempt begins after it', () => {
    expect(sent([view('a'), view('b')], [serverError('a')], { elapsedMs: MINUTE })).toBe('b')
    expect(step([view('a'), view('b')], [serverError('a')], { elapsedMs: MINUTE + 1 })).toMatchObject({
      kind: 'give-up',
    })
  })
})

describe('the verdict', () => {
  it.each<[string, readonly FailedAttempt[], object]>([
    ['all limited', [spent('a', HOUR), spent('b', MINUTE)], { status: 429, retryAfterSeconds: 60 }],
    ['limited and overloaded', [spent('a', SECOND), ...thrice('b', 'overloaded')], { status: 429 }],
    ['all overloaded', [...thrice('a', 'overloaded'), ...thrice('b', 'overloaded')], { status: 503 }],
    ['all refused', both('unauthorized'), { status: 401, shouldRetry: false }],
    ['all without the model', both('model-not-found'), { kind: 'relay', attempt: 1 }],
    ['all broken', [...both('server-error'), ...both('server-error'), ...both('reset')], { attempt: 5 }],
    ['all too slow', [failed('a', 'headers-timeout'), failed('b', 'headers-timeout')], { status: 504 }],
  ])('after %s is what clients understand best', (_what, attempts, verdict) => {
    expect(step([view('a'), view('b')], attempts)).toMatchObject({ kind: 'give-up', verdict })
  })

  it('all paused is a 503', () => {
    const decided = step([view('a', { pausedAt: NOON }), view('b', { pausedAt: NOON })])
    expect(decided).toMatchObject({ kind: 'give-up', verdict: { status: 503 } })
    expect(refusalsOf(decided)).toEqual([
      ['a', 'paused'],
      ['b', 'paused'],
    ])
  })

  it('all cooling needs no attempt at all', () => {
    expect(step([cooling('a', HOUR), cooling('b', MINUTE)])).toMatchObject({
      kind: 'give-up',
      verdict: { status: 429, retryAfterSeconds: 60 },
    })
  })
})

interface Options {
  readonly strategy?: Situation['strategy']
  readonly request?: Partial<RequestFacts>
  readonly binding?: Situation['binding']
  readonly policy?: Situation['policy']
  readonly retriesLeft?: number
  readonly chance?: number
  /** Since the request came. */
  readonly elapsedMs?: number
}

function step(
  accounts: readonly AccountView[],
  attempts: readonly FailedAttempt[] = [],
  options: Options = {},
): Step {
  const { elapsedMs = 0, ...rest } = options
  return nextStep(
    sampleSituation({
      accounts,
      failed: attempts,
      startedAt: later(NOON, -elapsedMs),
      ...rest,
    }),
  )
}

/** The name of the account that the request goes to; undefined if it goes nowhere. */
function sent(...situation: Parameters<typeof step>): string | undefined {
  const decided = step(...situation)
  return decided.kind === 'send' ? decided.account.name : undefined
}

function refusalsOf(decided: Step) {
  return decided.refusals.map(({ account, reason }) => [account.name, reason])
}

function boundTo(home: string, spill?: string): Options {
  const where = spill === undefined ? undefined : idOf(spill)
  return { binding: sampleBinding(home, { spill: where }) }
}

function serverError(name: string): FailedAttempt {
  return failed(name, 'server-error')
}

function refused(name: string): FailedAttempt {
  return failed(name, 'request-refused')
}

function spent(name: string, lastsMs: number): FailedAttempt {
  return failed(name, 'window-spent', { scope: { kind: 'account' }, until: later(NOON, lastsMs) })
}

/** Accounts a and b failed alike, with answers that can be shown. */
function both(cause: Cause): readonly FailedAttempt[] {
  return ['a', 'b'].map((name) => ({ ...failed(name, cause), isPresentable: true }))
}

function stale(name: string): FailedAttempt {
  return { ...failed(name, 'reset'), wasStaleConnection: true }
}

function thrice(name: string, cause: Cause): readonly FailedAttempt[] {
  return [failed(name, cause), failed(name, cause), failed(name, cause)]
}

type Plan = Partial<Omit<AccountView, 'account'>> & Partial<Pick<Account, 'priority' | 'pausedAt'>>

function view(name: string, { priority = 0, pausedAt, ...rest }: Plan = {}): AccountView {
  return sampleView(name, { account: { priority, pausedAt }, ...rest })
}

function cooling(name: string, lastsMs: number, change: Partial<Cooldown> = {}): AccountView {
  const cooldown = sampleCooldown({ until: later(NOON, lastsMs), ...change })
  return view(name, { health: { ...HEALTHY, cooldowns: [cooldown] } })
}

function probing(name: string): AccountView {
  return { ...cooling(name, 0), probingSince: NOON }
}

/** An account whose endpoint others are preferred to for a while. */
function troubled(name: string, lastsMs: number, change: Partial<Faults> = {}): AccountView {
  const faults = { ...HEALTHY.faults, inARow: 3, avoidUntil: later(NOON, lastsMs), ...change }
  return view(name, { health: { ...HEALTHY, faults } })
}
