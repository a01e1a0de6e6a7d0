/**
 * Drives `nextStep` through thousands of random worlds in which every attempt fails somehow,
 * and checks what must hold in all of them. Failures change the accounts' health as they do
 * in the real loop; time passes as the steps say.
 */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import {
  idOf,
  NOON,
  SAMPLE_POLICY,
  sampleBinding,
  sampleCooldown,
  sampleSituation,
  sampleView,
} from '../../test/support/samples.ts'
import { readAnthropicFailure } from '../providers/anthropic/failure.ts'
import type { Account } from './account.ts'
import { type Cause, type Failure, outlookOf, type Scope } from './failure.ts'
import { afterFailure, HEALTHY, type Health } from './health.ts'
import { refusalOf } from './refusal.ts'
import { nextStep, type Step } from './route.ts'
import type { AccountView, FailedAttempt, RetryPolicy, Situation } from './situation.ts'
import { STRATEGIES } from './strategies.ts'
import { HOUR, later, MINUTE, SECOND } from './time.ts'

const MODEL = 'claude-sonnet-5-5'
const PROBE_PATIENCE_MS = 10 * SECOND
/** Two hundred looks at a probe that never ends, and every attempt that any policy here allows. */
const MOST_STEPS = 400

describe('whatever fails', () => {
  it('the request comes to an end', () => {
    inEveryWorld((world) => {
      expect(run(world).verdict).toBeDefined()
    })
  })

  it('no account is sent what it cannot take', () => {
    inEveryWorld((world) => {
      for (const { step, situation } of run(world).sends) {
        const view = situation.accounts.find(({ account }) => account === step.account)
        const refusal = view && refusalOf(view, situation)
        const isImpatient = situation.now - situation.startedAt >= PROBE_PATIENCE_MS
        expect(refusal?.reason).toBe(isImpatient && refusal?.reason === 'probing' ? 'probing' : undefined)
      }
    })
  })

  it('no account is asked more often than the operator allows, a stale connection apart', () => {
    inEveryWorld((world) => {
      const { sends, failed } = run(world)
      for (const { name } of world.accounts) {
        const mine = sends.filter(({ step }) => step.account.name === name && !step.fresh)
        // A limit that has ended since is no attempt any more.
        const overcome = failed.filter(
          ({ account, failure: { until } }) => account === idOf(name) && until !== undefined,
        )
        expect(mine.length).toBeLessThanOrEqual(world.policy.attemptsPerAccount + overcome.length)
      }
    })
  })

  it('a stale connection is forgiven once for each account', () => {
    inEveryWorld((world) => {
      const fresh = run(world).sends.filter(({ step }) => step.fresh)
      expect(new Set(fresh.map(({ step }) => step.account.name)).size).toBe(fresh.length)
    })
  })

  it('nobody is asked a second time while somebody has not been asked at all', () => {
    inEveryWorld((world) => {
      for (const { step, situation } of run(world).sends) {
        // A limit that has ended since is no attempt any more.
        const isOver = ({ cause, scope, until }: Failure) =>
          outlookOf(cause) === 'limited' &&
          scope.kind !== 'request' &&
          until !== undefined &&
          until <= situation.now
        const isTried = (id: string) =>
          situation.failed.some(({ account, failure }) => account === id && !isOver(failure))
        if (step.fresh || !isTried(step.account.id)) continue
        const waiting = situation.accounts.filter(
          (view) => !isTried(view.account.id) && refusalOf(view, situation) === undefined,
        )
        expect(waiting).toEqual([])
      }
    })
  })

  it('no attempt begins after the patience has ended, a stale connection’s second one apart', () => {
    inEveryWorld((world) => {
      for (const { step, situation } of run(world).sends) {
        const sentAt = situation.now + step.delayMs - situation.startedAt
        if (!step.fresh) expect(sentAt).toBeLessThanOrEqual(world.policy.patienceMs)
      }
    })
  })

  it('retries stay within their budget', () => {
    inEveryWorld((world) => {
      const retries = run(world).sends.filter(({ step }) => step.isRetry)
      expect(retries.length).toBeLessThanOrEqual(Math.max(0, world.budget))
    })
  })

  it('a client that tries again by itself gets one attempt on each account', () => {
    inEveryWorld((world) => {
      const { sends } = run({ ...world, clientRetries: 1 })
      const names = sends.filter(({ step }) => !step.fresh).map(({ step }) => step.account.name)
      expect(new Set(names).size).toBe(names.length)
    })
  })

  it('an answer that is handed out is one that can be shown', () => {
    inEveryWorld((world) => {
      const { verdict, failed } = run(world)
      if (verdict?.kind === 'relay') expect(failed[verdict.attempt]?.isPresentable).toBe(true)
    })
  })

  it('a wait that the client is told is a whole number of seconds, and names every account that could serve', () => {
    inEveryWorld((world) => {
      const { verdict } = run(world)
      if (verdict?.kind !== 'own') return
      const { retryAfterSeconds = 1, message } = verdict
      expect(Number.isSafeInteger(retryAfterSeconds)).toBe(true)
      expect(retryAfterSeconds).toBeGreaterThan(0)
      for (const { name, isPaused } of world.accounts) if (!isPaused) expect(message).toContain(`${name}: `)
    })
  })
})

describe('a poisonous request', () => {
  const error = (type: string, message: string) => JSON.stringify({ type: 'error', error: { type, message } })
  const ANSWERS: readonly (readonly [status: number, body: string])[] = [
    [400, error('invalid_request_error', 'messages: at least one message is required')],
    [400, error('invalid_request_error', 'prompt is too long: 1200000 tokens > 1000000 maximum')],
    [403, error('permission_error', 'Your account does not have access to this model.')],
    [404, error('not_found_error', `model: ${MODEL}`)],
    [404, 'Not Found'],
    [408, error('timeout_error', 'Timed out.')],
    [409, error('conflict_error', 'The thread was continued already.')],
    [413, '<html>413 Request Entity Too Large</html>'],
    [422, error('invalid_request_error', 'Unprocessable.')],
    [429, error('rate_limit_error', 'Error')],
    [500, error('api_error', 'Internal server error')],
    [502, '<html>502 Bad Gateway</html>'],
    [503, ''],
    [504, error('timeout_error', 'Timed out.')],
    [529, error('overloaded_error', 'Overloaded')],
  ]

  it.each(ANSWERS)('that gets a %d from every account benches nobody (G7): %s', (status, body) => {
    inEveryWorld((world) => {
      const answer = { status, headers: [], body, model: MODEL, isSide: false, now: NOON }
      const failure = readAnthropicFailure(answer)
      if (failure === undefined) return
      const script = [{ failure, isStale: false, isPresentable: true, ms: 5 }]
      const { healths } = run({ ...world, accounts: world.accounts.map(wellOf), script })
      for (const health of healths) expect(health.cooldowns).toEqual([])
    })
  })
})

interface World {
  readonly accounts: readonly Plan[]
  readonly policy: RetryPolicy
  readonly strategy: Situation['strategy']
  readonly budget: number
  readonly clientRetries: number
  readonly boundTo: string
  readonly chance: number
  /** What comes of the attempts, one after the other, again and again. */
  readonly script: readonly Mishap[]
}

interface Plan {
  readonly name: string
  readonly priority: number
  readonly isPaused: boolean
  readonly isProbing: boolean
  /** When a cooldown ends, from noon; undefined if there is none. */
  readonly cooldownMs: number | undefined
}

interface Mishap {
  readonly failure: Failure
  readonly isStale: boolean
  readonly isPresentable: boolean
  readonly ms: number
}

interface Sent {
  readonly step: Extract<Step, { kind: 'send' }>
  readonly situation: Situation
}

interface Run {
  readonly sends: readonly Sent[]
  readonly failed: readonly FailedAttempt[]
  readonly healths: readonly Health[]
  /** Undefined if the request never came to an end. */
  readonly verdict: Extract<Step, { kind: 'give-up' }>['verdict'] | undefined
}

function run(world: World): Run {
  let views: readonly AccountView[] = world.accounts.map(toView)
  let now = NOON
  let retriesLeft = world.budget
  const failed: FailedAttempt[] = []
  const sends: Sent[] = []
  for (let count = 0; count < MOST_STEPS; count++) {
    const situation = situationOf(world, { accounts: views, failed: [...failed], now, retriesLeft })
    const step = nextStep(situation)
    if (step.kind === 'give-up') {
      return { sends, failed, healths: views.map(({ health }) => health), verdict: step.verdict }
    }
    now = step.kind === 'wait' ? step.until : later(now, step.delayMs)
    if (step.kind === 'wait') continue
    sends.push({ step, situation })
    if (step.isRetry) retriesLeft--
    const mishap = world.script[failed.length % world.script.length]
    if (mishap === undefined) break
    now = later(now, mishap.ms)
    failed.push(toFailed(step.account, mishap))
    const context = { conversation: 'c1', now }
    views = views.map((view) =>
      view.account === step.account
        ? { ...view, health: afterFailure(view.health, mishap.failure, context) }
        : view,
    )
  }
  return { sends, failed, healths: views.map(({ health }) => health), verdict: undefined }
}

function situationOf(
  { strategy, policy, clientRetries, boundTo, chance }: World,
  present: Pick<Situation, 'accounts' | 'failed' | 'now' | 'retriesLeft'>,
): Situation {
  return sampleSituation({
    request: { model: MODEL, clientRetries },
    binding: sampleBinding(boundTo),
    strategy,
    // Waiting in line has its own tests: here every request goes on at once.
    policy: { ...policy, queueMs: 0, throttleWaitMs: 0 },
    chance,
    ...present,
  })
}

function toFailed({ id }: Account, { failure, isStale, isPresentable }: Mishap): FailedAttempt {
  return {
    account: id,
    failure,
    status: undefined,
    isPresentable,
    wasStaleConnection: isStale,
    isRenewed: false,
    model: MODEL,
  }
}

function toView({ name, priority, isPaused, isProbing, cooldownMs }: Plan): AccountView {
  const account = { priority, pausedAt: isPaused ? NOON : undefined }
  const view = sampleView(name, { account, probingSince: isProbing ? NOON : undefined })
  if (cooldownMs === undefined) return view
  const cooldown = sampleCooldown({ cause: 'throttled', evidence: 'busy', until: later(NOON, cooldownMs) })
  return { ...view, health: { ...HEALTHY, cooldowns: [cooldown] } }
}

function wellOf(plan: Plan): Plan {
  return { ...plan, isPaused: false, isProbing: false, cooldownMs: undefined }
}

function inEveryWorld(check: (world: World) => void): void {
  fc.assert(fc.property(worlds(), check), { numRuns: 400 })
}

function policies(): fc.Arbitrary<RetryPolicy> {
  return fc
    .record({
      attemptsPerAccount: fc.integer({ min: 1, max: 4 }),
      delayMs: fc.constantFrom(0, 100, 1_000),
      backoff: fc.constantFrom(1, 2, 10),
      patienceMs: fc.constantFrom(0, 5 * SECOND, MINUTE),
    })
    .map((policy) => ({ ...SAMPLE_POLICY, ...policy }))
}

function worlds(): fc.Arbitrary<World> {
  return fc.record({
    accounts: fc
      .array(plans(), { minLength: 1, maxLength: 4 })
      .map((all) => all.map((plan, index) => ({ ...plan, name: NAMES[index] ?? 'z' }))),
    policy: policies(),
    strategy: fc.constantFrom(...STRATEGIES.map(({ name }) => name)),
    budget: fc.integer({ min: -1, max: 8 }),
    clientRetries: fc.constant(0),
    boundTo: fc.constantFrom(...NAMES, 'gone'),
    chance: fc.double({ min: 0, max: 1, noNaN: true }),
    script: fc.array(mishaps(), { minLength: 1, maxLength: 6 }),
  })
}

const NAMES = ['anna', 'bert', 'cleo', 'dora']

function plans(): fc.Arbitrary<Omit<Plan, 'name'>> {
  return fc.record({
    priority: fc.integer({ min: 0, max: 2 }),
    isPaused: seldom(),
    isProbing: seldom(),
    cooldownMs: fc.option(fc.integer({ min: -SECOND, max: 15 * SECOND }), { nil: undefined, freq: 3 }),
  })
}

function mishaps(): fc.Arbitrary<Mishap> {
  const failures = fc
    .record({
      kind: fc.constantFrom(...KINDS),
      lastsMs: fc.option(fc.integer({ min: SECOND, max: 5 * HOUR }), { nil: undefined }),
      isFinal: seldom(),
    })
    .map(({ kind: [cause, scope], lastsMs, isFinal }): Failure => {
      const timed = lastsMs === undefined ? {} : { until: later(NOON, lastsMs) }
      return { cause, scope, evidence: `${cause} seen`, ...timed, ...(isFinal ? { final: true } : {}) }
    })
  return fc.record({
    failure: failures,
    isStale: seldom(),
    isPresentable: fc.boolean(),
    ms: fc.constantFrom(0, 20, 900, 20 * SECOND),
  })
}

function seldom(): fc.Arbitrary<boolean> {
  return fc.nat({ max: 5 }).map((number) => number === 5)
}

const KINDS: readonly (readonly [Cause, Scope])[] = [
  ['connect-refused', { kind: 'request' }],
  ['reset', { kind: 'request' }],
  ['headers-timeout', { kind: 'request' }],
  ['bad-response', { kind: 'request' }],
  ['overloaded', { kind: 'request' }],
  ['server-error', { kind: 'request' }],
  ['conflict', { kind: 'request' }],
  ['request-refused', { kind: 'request' }],
  ['unauthorized', { kind: 'account' }],
  ['window-spent', { kind: 'account' }],
  ['throttled', { kind: 'account' }],
  ['billing', { kind: 'account' }],
  ['family-spent', { kind: 'family', family: 'sonnet' }],
  ['forbidden', { kind: 'model', model: MODEL }],
  ['model-not-found', { kind: 'model', model: MODEL }],
]
