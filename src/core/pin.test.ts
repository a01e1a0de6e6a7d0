/** Pinned sessions in the routing decision: before affinity, never before what an account can do. */
import { describe, expect, it } from 'bun:test'
import {
  idOf,
  NOON,
  sampleBinding,
  sampleCooldown,
  sampleFailed,
  sampleSituation,
  sampleView,
  withWindows,
} from '../../test/support/samples.ts'
import { HEALTHY } from './health.ts'
import { nextStep } from './route.ts'
import type { Situation } from './situation.ts'
import { HOUR, later } from './time.ts'

const PINNED = 'the session is pinned to this account'

describe('a pinned session', () => {
  it('goes to its account, wherever its cache is warm and whatever the priorities say', () => {
    const accounts = [sampleView('a'), sampleView('b', { account: { priority: 9 } })]
    const binding = sampleBinding('a')
    expect(step({ accounts, binding, pin: idOf('b') })).toMatchObject({ to: 'b', reason: PINNED })
    expect(step({ accounts, binding })).toMatchObject({ to: 'a' })
  })

  it.each(['round-robin', 'session', 'least-requests'] as const)(
    'goes there under the strategy %s too',
    (strategy) => {
      const accounts = [sampleView('a'), sampleView('b', { lastTurn: 9, begun: 9, inFlight: 2 })]
      expect(step({ accounts, strategy, pin: idOf('b') })).toMatchObject({ to: 'b', reason: PINNED })
    },
  )

  it('goes there though others would go before it, because a window of its is nearly spent', () => {
    const windows = [{ name: '5h', utilization: 0.999, readAt: NOON, resetsAt: later(NOON, HOUR) }]
    const near = sampleView('b', { ...withWindows(windows), worth: new Map([['5h', 10_000]]) })
    expect(step({ accounts: [sampleView('a'), near] })).toMatchObject({ to: 'a' })
    expect(step({ accounts: [sampleView('a'), near], pin: idOf('b') })).toMatchObject({ to: 'b' })
  })

  it('spills while its account cannot take it, and the decision says both', () => {
    const limited = sampleView('b', { health: { ...HEALTHY, cooldowns: [sampleCooldown()] } })
    const decided = step({ accounts: [sampleView('a'), limited], pin: idOf('b') })
    expect(decided.to).toBe('a')
    expect(decided.reason).toMatch(/^b, to which the session is pinned, cannot take it; /)
    expect(decided.refused).toEqual(['b'])
  })

  it('spills when its account has just failed this request', () => {
    const accounts = [sampleView('a'), sampleView('b')]
    const failed = [sampleFailed('b', 'server-error')]
    expect(step({ accounts, failed, pin: idOf('b') })).toMatchObject({ to: 'a' })
  })

  it('is none when its account is gone', () => {
    const decided = step({ accounts: [sampleView('a')], pin: idOf('b') })
    expect(decided.to).toBe('a')
    expect(decided.reason).not.toContain('pinned')
  })
})

function step(fields: Partial<Omit<Situation, 'request'>>) {
  const next = nextStep(sampleSituation(fields))
  if (next.kind !== 'send') return { to: next.kind, reason: '', refused: [] }
  const refused = next.refusals.map(({ account }) => account.name)
  return { to: next.account.name, reason: next.reason, refused }
}
