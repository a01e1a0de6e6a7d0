/** The decision as it is kept: every candidate with what excluded it, and the winner’s reason (G13). */
import { describe, expect, it } from 'bun:test'
import {
  NOON,
  sampleCooldown,
  sampleFailed,
  sampleSituation,
  sampleView as view,
} from '../../test/support/samples.ts'
import { HEALTHY } from '../core/health.ts'
import { nextStep } from '../core/route.ts'
import type { AccountView, FailedAttempt, Situation } from '../core/situation.ts'
import { HOUR, later, SECOND, toIso } from '../core/time.ts'
import { decisionOf } from './explain.ts'

describe('the decision', () => {
  it('names every candidate and the reason for the one that was taken', () => {
    expect(decide([view('a'), view('b')])).toEqual({
      strategy: 'affinity',
      reason: 'best priority, then most room',
      candidates: [{ account: 'a' }, { account: 'b' }],
    })
  })

  it('says what excluded each of the others and until when', () => {
    const until = later(NOON, HOUR)
    expect(decide([cooling('a', HOUR), paused('b'), view('c')]).candidates).toEqual([
      { account: 'c' },
      { account: 'a', excluded: 'cooling: its 5h window is spent (429)', until },
      { account: 'b', excluded: 'paused' },
    ])
  })

  it('says what went wrong with those that have been tried', () => {
    const { candidates, reason } = decide([view('a'), view('b')], [failed('a')])
    expect(candidates).toEqual([{ account: 'b' }, { account: 'a', excluded: 'it answered 500' }])
    expect(reason).toBeDefined()
  })

  it('says of one that cools since it failed that it cools, and until when', () => {
    const until = later(NOON, HOUR)
    expect(decide([cooling('a', HOUR), view('b')], [failed('a')]).candidates[1]).toMatchObject({
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
    expect(decide([{ ...cooling('a', 0), probingSince: NOON }])).toEqual({
      strategy: 'affinity',
      refusal: `waiting (an account is being tested) until ${toIso(later(NOON, 10 * SECOND))} at the latest`,
      candidates: [{ account: 'a', excluded: 'probing: its 5h window is spent (429)' }],
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
  const situation = sampleSituation({ accounts, failed: attempts, strategy })
  return decisionOf(situation, nextStep(situation))
}

function failed(name: string): FailedAttempt {
  return { ...sampleFailed(name, 'server-error', { evidence: 'it answered 500' }), status: 500 }
}

function cooling(name: string, lastsMs: number): AccountView {
  const evidence = 'its 5h window is spent (429)'
  const cooldown = sampleCooldown({ evidence, until: later(NOON, lastsMs) })
  return view(name, { health: { ...HEALTHY, cooldowns: [cooldown] } })
}

function paused(name: string): AccountView {
  return view(name, { account: { pausedAt: NOON } })
}
