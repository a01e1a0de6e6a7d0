/** Tiers of a pool, last resorts, and what is waited for rather than refused. */
import { describe, expect, it } from 'bun:test'
import {
  NOON,
  SAMPLE_POLICY,
  sampleBinding,
  sampleCooldown,
  sampleFailed,
  sampleSituation,
  sampleView,
  withWindows,
} from '../../test/support/samples.ts'
import { HEALTHY } from './health.ts'
import { nextStep, type Step } from './route.ts'
import { readPools } from './rules-input.ts'
import type { AccountView, Situation } from './situation.ts'
import { HOUR, later, MINUTE, SECOND } from './time.ts'

type Fields = Partial<Omit<Situation, 'request' | 'accounts'>> & {
  readonly request?: Partial<Situation['request']>
}

describe('a pool of several groups', () => {
  const pool = readPools({ work: ['subscriptions', 'keys', 'cloud'] }).get('work')
  const [sub, key, cloud, other] = [
    inGroup('sub', 'subscriptions'),
    inGroup('key', 'keys'),
    inGroup('cloud', 'cloud'),
    sampleView('other'),
  ]

  it('is served by the first group that can, whatever the priorities say', () => {
    const better = { ...key, account: { ...key.account, priority: -5 } }
    expect(nameOf(step([cloud, better, sub, other], { pool }))).toBe('sub')
    expect(nameOf(step([cloud, key, cooling(sub), other], { pool }))).toBe('key')
  })

  it('never goes to an account outside', () => {
    const step_ = step([other], { pool })
    expect(step_).toMatchObject({ kind: 'give-up', verdict: { kind: 'own', status: 503 } })
    expect(JSON.stringify(step_)).toContain('No account is in the pool work')
  })

  it('keeps a conversation in a later group until it has cost there what going back costs', () => {
    const binding = (paidUsd: number) => sampleBinding('key', { cache: { paidUsd, tokens: 100_000 } })
    expect(nameOf(step([sub, key], { pool, binding: binding(0.01) }))).toBe('key')
    expect(nameOf(step([sub, key], { pool, binding: binding(5) }))).toBe('sub')
  })

  it('takes a conversation back at once when its cache has gone cold', () => {
    const binding = sampleBinding('key', { cache: { touchedAt: later(NOON, -HOUR) } })
    expect(nameOf(step([sub, key], { pool, binding }))).toBe('sub')
  })
})

describe('an account whose window a request is expected to cross', () => {
  const near = {
    ...sampleView('near'),
    ...withWindows([{ name: '5h', utilization: 1, resetsAt: later(NOON, HOUR), readAt: NOON }]),
  }

  it('goes after all others', () => {
    expect(nameOf(step([near, sampleView('b', { account: { priority: 9 } })]))).toBe('b')
  })

  it('is better than nobody', () => {
    expect(nameOf(step([near, cooling(sampleView('b'))]))).toBe('near')
  })
})

describe('what leaving its account costs a conversation', () => {
  it('is in the step, in tokens and USD', () => {
    const left = step([cooling(sampleView('a')), sampleView('b')], { binding: sampleBinding('a') })
    expect(left).toMatchObject({ kind: 'send', moving: { tokens: 100_000 } })
    expect(left.kind === 'send' ? left.moving?.usd : 0).toBeGreaterThan(0.1)
  })

  it('is less where it spilled before, and nothing when its cache is cold', () => {
    const spilled = sampleBinding('a', { spill: sampleView('b').account.id, cache: { spillTokens: 70_000 } })
    expect(step([cooling(sampleView('a')), sampleView('b')], { binding: spilled })).toMatchObject({
      moving: { tokens: 30_000 },
    })
    const cold = sampleBinding('a', { cache: { touchedAt: later(NOON, -HOUR) } })
    expect(step([cooling(sampleView('a')), sampleView('b')], { binding: cold })).toMatchObject({
      moving: { tokens: 0 },
    })
  })

  it('is nothing at home', () => {
    expect(step([sampleView('a')], { binding: sampleBinding('a') })).toMatchObject({ moving: undefined })
  })
})

describe('a conversation whose own account is back in a moment', () => {
  const binding = sampleBinding('a')
  const throttled = (ms: number) => cooling(sampleView('a'), { cause: 'throttled', until: later(NOON, ms) })

  it('waits, when that is worth less than writing its cache elsewhere', () => {
    expect(step([throttled(SECOND), sampleView('b')], { binding })).toMatchObject({
      kind: 'wait',
      cause: 'own-account',
      until: later(NOON, SECOND),
    })
  })

  it('goes, when its cache is small or waiting is dear', () => {
    const small = sampleBinding('a', { cache: { tokens: 500 } })
    expect(nameOf(step([throttled(SECOND), sampleView('b')], { binding: small }))).toBe('b')
    const policy = { ...SAMPLE_POLICY, waitUsdPerSecond: 50 }
    expect(nameOf(step([throttled(SECOND), sampleView('b')], { binding, policy }))).toBe('b')
  })

  it('goes, when that would take longer than anybody is kept waiting in place', () => {
    expect(nameOf(step([throttled(4 * SECOND), sampleView('b')], { binding }))).toBe('b')
    expect(nameOf(step([throttled(SECOND), sampleView('b')], { binding, waitedMs: 2_500 }))).toBe('b')
  })

  it('goes, when the account will be away for its window', () => {
    expect(nameOf(step([cooling(sampleView('a')), sampleView('b')], { binding }))).toBe('b')
  })

  it('waits for a free place about as long as a request there takes', () => {
    const busy = sampleView('a', { account: { maxConcurrent: 2 }, inFlight: 2, meanMs: 1_000 })
    expect(step([busy, sampleView('b')], { binding })).toMatchObject({
      kind: 'wait',
      until: later(NOON, 500),
    })
    const slow = { ...busy, meanMs: MINUTE }
    expect(nameOf(step([slow, sampleView('b')], { binding }))).toBe('b')
  })

  it('goes under any other strategy', () => {
    expect(nameOf(step([throttled(SECOND), sampleView('b')], { binding, strategy: 'round-robin' }))).toBe('b')
  })
})

describe('when nobody can take a request', () => {
  const busy = sampleView('a', { account: { maxConcurrent: 1 }, inFlight: 1 })

  it('it waits for a free place, for as long as the operator says', () => {
    expect(step([busy])).toMatchObject({
      kind: 'wait',
      cause: 'busy',
      until: later(NOON, SAMPLE_POLICY.queueMs),
    })
    expect(step([busy], { waitedMs: SAMPLE_POLICY.queueMs - 5 })).toMatchObject({ until: later(NOON, 5) })
    const tooLong = step([busy], { waitedMs: SAMPLE_POLICY.queueMs })
    expect(tooLong).toMatchObject({ kind: 'give-up', verdict: { status: 429 } })
    expect(JSON.stringify(tooLong)).toContain('1 requests in flight, its limit is 1')
  })

  it('waiting in line is not counted against its patience', () => {
    const waited = { startedAt: later(NOON, -2 * MINUTE), waitedMs: 2 * MINUTE - SECOND }
    expect(step([sampleView('a')], waited).kind).toBe('send')
    expect(step([sampleView('a')], { ...waited, waitedMs: 0 }).kind).toBe('give-up')
  })

  it('it waits in place for a throttle of moments', () => {
    const throttled = (ms: number) => cooling(sampleView('a'), { cause: 'throttled', until: later(NOON, ms) })
    expect(step([throttled(2 * SECOND)])).toMatchObject({
      kind: 'wait',
      cause: 'throttled',
      until: later(NOON, 2 * SECOND),
    })
    expect(step([throttled(4 * SECOND)])).toMatchObject({
      kind: 'give-up',
      verdict: { status: 429, retryAfterSeconds: 4 },
    })
  })

  it('it tries an account again whose throttle has ended while it waited', () => {
    const failed = (until = NOON) => [sampleFailed('a', 'throttled', { scope: { kind: 'account' }, until })]
    expect(nameOf(step([sampleView('a')], { failed: failed() }))).toBe('a')
    const lifted = { failed: failed(later(NOON, HOUR)) }
    expect(nameOf(step([sampleView('a')], { ...lifted, waitedMs: 1 }))).toBe('a')
    expect(step([sampleView('a')], lifted).kind).toBe('give-up')
    expect(step([sampleView('a')], { failed: failed(), request: { clientRetries: 1 } }).kind).toBe('give-up')
  })

  it('it is refused for a spent window, unless its client would rather wait', () => {
    expect(step([cooling(sampleView('a'))])).toMatchObject({ kind: 'give-up', verdict: { status: 429 } })
    const holdUntil = later(NOON, 10 * MINUTE)
    expect(step([cooling(sampleView('a'))], { request: { holdUntil } })).toMatchObject({
      kind: 'wait',
      cause: 'held',
      until: holdUntil,
    })
    const soon = cooling(sampleView('a'), { until: later(NOON, MINUTE) })
    expect(step([soon], { request: { holdUntil } })).toMatchObject({
      cause: 'held',
      until: later(NOON, MINUTE),
    })
    expect(step([soon], { request: { holdUntil: NOON } }).kind).toBe('give-up')
  })

  it('it is not held for what no time will change', () => {
    const paused = sampleView('a', { account: { pausedAt: NOON } })
    expect(step([paused], { request: { holdUntil: later(NOON, HOUR) } }).kind).toBe('give-up')
  })
})

describe('after another account has dropped out', () => {
  const left = (inFlight: number, now: number) =>
    sampleView('a', { inFlight, switched: { at: later(NOON, -now), inFlight: 3 } })

  it('its work is given to the others step by step, where there are others', () => {
    expect(nameOf(step([left(4, 0), sampleView('b', { account: { priority: 9 } })]))).toBe('b')
    expect(nameOf(step([left(3, 0), sampleView('b', { account: { priority: 9 } })]))).toBe('a')
    expect(nameOf(step([left(4, 5 * SECOND), sampleView('b', { account: { priority: 9 } })]))).toBe('a')
    expect(nameOf(step([left(99, 30 * SECOND), sampleView('b', { account: { priority: 9 } })]))).toBe('a')
  })

  it('nobody is refused for it', () => {
    expect(nameOf(step([left(99, 0)]))).toBe('a')
  })

  it('conversations at home there stay', () => {
    expect(nameOf(step([left(99, 0), sampleView('b')], { binding: sampleBinding('a') }))).toBe('a')
  })
})

const step = (accounts: readonly AccountView[], fields: Fields = {}): Step =>
  nextStep(sampleSituation({ accounts, ...fields }))

const nameOf = (decided: Step): string | undefined =>
  decided.kind === 'send' ? decided.account.name : decided.kind

function inGroup(name: string, group: string): AccountView {
  return sampleView(name, { account: { groups: [group] } })
}

function cooling(view: AccountView, change: Parameters<typeof sampleCooldown>[0] = {}): AccountView {
  return { ...view, health: { ...HEALTHY, cooldowns: [sampleCooldown(change)] } }
}

describe('an account with several models to offer', () => {
  const mapped = sampleView('a', { account: { modelMap: new Map([['sonnet', ['new', 'old']]]) } })
  const missing = {
    ...sampleFailed('a', 'model-not-found', { scope: { kind: 'model', model: 'new' } }),
    model: 'new',
  }

  it('is asked for the next one when the first is not there', () => {
    expect(step([mapped])).toMatchObject({ kind: 'send', model: 'new' })
    expect(
      step([mapped, sampleView('b', { account: { priority: 1 } })], { failed: [missing] }),
    ).toMatchObject({ kind: 'send', model: 'old' })
  })

  it('is asked for each only once', () => {
    const both = [missing, { ...missing, model: 'old' }]
    expect(step([mapped], { failed: both }).kind).toBe('give-up')
  })
})
