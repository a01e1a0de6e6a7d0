/** The decision as it is kept: every candidate with what excluded it, and the winner’s reason (G13). */
import { describe, expect, it } from 'bun:test'
import { type Account, toAccountId, toSealedSecret } from '../core/account.ts'
import { HEALTHY } from '../core/health.ts'
import { nextStep, type Step } from '../core/route.ts'
import type { AccountView, FailedAttempt, Situation } from '../core/situation.ts'
import { HOUR, later, MINUTE, toMillis } from '../core/time.ts'
import { decisionOf } from './explain.ts'

const noon = toMillis(Date.parse('2026-11-20T12:00:00Z'))

describe('the decision', () => {
  it('names every candidate and the reason for the one that was taken', () => {
    expect(decide([view('a'), view('b')])).toEqual({
      strategy: 'affinity',
      reason: 'best priority, then fewest requests in flight',
      candidates: [{ account: 'a' }, { account: 'b' }],
    })
  })

  it('says what excluded each of the others and until when', () => {
    const until = later(noon, HOUR)
    expect(decide([cooling('a', HOUR), paused('b'), view('c')]).candidates).toEqual([
      { account: 'a', excluded: 'cooling: its 5h window is spent (429)', until },
      { account: 'b', excluded: 'paused' },
      { account: 'c' },
    ])
  })

  it('says what went wrong with those that have been tried', () => {
    const { candidates, reason } = decide([view('a'), view('b')], [failed('a')])
    expect(candidates).toEqual([{ account: 'a', excluded: 'it answered 500' }, { account: 'b' }])
    expect(reason).toBeDefined()
  })

  it('says of one that cools since it failed that it cools, and until when', () => {
    const until = later(noon, HOUR)
    expect(decide([cooling('a', HOUR), view('b')], [failed('a')]).candidates[0]).toMatchObject({
      excluded: 'cooling: its 5h window is spent (429)',
      until,
    })
  })

  it('keeps the sentence that the client was told when nobody is left', () => {
    const decision = decide([cooling('a', HOUR)])
    expect(decision.reason).toBeUndefined()
    expect(decision.refusal).toContain('Every account that could take this request is limited.')
    expect(decision.candidates).toHaveLength(1)
  })

  it('says so when an upstream’s answer is passed on', () => {
    const last = { ...failed('a'), isPresentable: true }
    expect(decide([view('a')], [last, last, last]).refusal).toBe(
      'no account is left to try; the last upstream answer was passed on',
    )
  })

  it('says what is waited for', () => {
    expect(decide([{ ...cooling('a', 0), isProbing: true }])).toEqual({
      strategy: 'affinity',
      refusal: 'waiting for an account that is being tested',
      candidates: [{ account: 'a' }],
    })
  })

  it('names the strategy that was in force', () => {
    expect(decide([view('a')], [], 'round-robin')).toMatchObject({
      strategy: 'round-robin',
      reason: 'longest without a turn',
    })
  })
})

describe('the decision of one request', () => {
  it('is not that of another that was taken among the same accounts', () => {
    const accounts = [view('a'), view('b')]
    const free = decide(accounts)
    const turn = decide(accounts, [], 'round-robin')
    const moved = decide(accounts, [failed('a')])
    expect(decide(accounts)).toEqual(free)
    expect(turn.reason).not.toBe(free.reason)
    expect(moved.candidates).not.toEqual(free.candidates)
  })

  it('names the accounts as they are called now', () => {
    expect(decide([view('a')]).candidates).toEqual([{ account: 'a' }])
    expect(decide([view('renamed')]).candidates).toEqual([{ account: 'renamed' }])
  })
})

function decide(
  accounts: readonly AccountView[],
  attempts: readonly FailedAttempt[] = [],
  strategy: Situation['strategy'] = 'affinity',
) {
  const situation: Situation = {
    request: { model: 'claude-sonnet-5-5', conversation: 'c1', clientRetries: 0, owner: undefined },
    accounts,
    binding: undefined,
    failed: attempts,
    strategy,
    sessionMs: 5 * HOUR,
    policy: { attemptsPerAccount: 3, delayMs: 1_000, backoff: 2, patienceMs: MINUTE },
    retriesLeft: 10,
    startedAt: noon,
    now: noon,
    chance: 0.5,
  }
  const step: Step = nextStep(situation)
  return decisionOf(situation, step)
}

function failed(name: string): FailedAttempt {
  return {
    account: toAccountId(name),
    failure: { cause: 'server-error', scope: { kind: 'request' }, evidence: 'it answered 500' },
    status: 500,
    isPresentable: false,
    wasStaleConnection: false,
  }
}

function cooling(name: string, lastsMs: number): AccountView {
  const cooldown = {
    scope: { kind: 'account' },
    cause: 'window-spent',
    evidence: 'its 5h window is spent (429)',
    since: noon,
    until: later(noon, lastsMs),
  } as const
  return { ...view(name), health: { ...HEALTHY, cooldowns: [cooldown] } }
}

function paused(name: string): AccountView {
  return { ...view(name), account: { ...account(name), pausedAt: noon } }
}

function view(name: string): AccountView {
  return {
    account: account(name),
    health: HEALTHY,
    inFlight: 0,
    begun: 0,
    lastTurn: 0,
    isProbing: false,
    session: undefined,
  }
}

function account(name: string): Account {
  return {
    id: toAccountId(name),
    name,
    provider: 'console',
    baseUrl: undefined,
    priority: 0,
    weight: 1,
    tier: 0,
    groups: [],
    modelMap: new Map(),
    secret: toSealedSecret(''),
    pausedAt: undefined,
    createdAt: noon,
  }
}
