/** The one word that people see for an account, with its reason and times. */
import { describe, expect, it } from 'bun:test'
import { NOON, sampleAccount, sampleCooldown } from '../../test/support/samples.ts'
import { type Cooldown, HEALTHY, type Health } from './health.ts'
import { stateOf } from './state.ts'
import { HOUR, later, MINUTE } from './time.ts'

const before = later(NOON, -MINUTE)
const account = sampleAccount('a')

describe('stateOf', () => {
  it('is ready when nothing is held against it', () => {
    expect(stateOf(account, HEALTHY, NOON)).toEqual({ kind: 'ready' })
  })

  it('is cooling until its cooldown ends, and says from what', () => {
    const until = later(NOON, HOUR)
    const spent = cooling({ evidence: 'its 5h window is spent (429)', until })
    expect(stateOf(account, spent, NOON)).toEqual({
      kind: 'cooling',
      reason: 'its 5h window is spent (429)',
      since: before,
      until,
    })
  })

  it('is ready from the very end of its cooldown on', () => {
    expect(stateOf(account, cooling({ until: NOON }), NOON)).toEqual({ kind: 'ready' })
  })

  it('is ready while only a model or a family cools', () => {
    const model = cooling({ scope: { kind: 'model', model: 'claude-opus-5' } })
    const family = cooling({ scope: { kind: 'family', family: 'opus' } })
    expect(stateOf(account, model, NOON)).toEqual({ kind: 'ready' })
    expect(stateOf(account, family, NOON)).toEqual({ kind: 'ready' })
  })

  it('needs a login after a refused credential, also after the time of its next test', () => {
    const refused = cooling({
      cause: 'unauthorized',
      evidence: 'its credential was refused (401)',
      until: before,
    })
    expect(stateOf(account, refused, NOON)).toEqual({
      kind: 'needs-login',
      reason: 'its credential was refused (401)',
      since: before,
      remedy: 'Give it a new key with "spillway accounts set a --api-key-stdin".',
    })
  })

  it('is in error while its secret cannot be read', () => {
    const unreadable = cooling({ cause: 'secret-unreadable', evidence: 'wrong key', until: before })
    expect(stateOf(account, unreadable, NOON)).toEqual({
      kind: 'error',
      reason: 'wrong key',
      since: before,
      remedy: 'Give it a new key with "spillway accounts set a --api-key-stdin".',
    })
  })

  it('needs a login since its grant is gone, whatever else it cools from', () => {
    const signedIn = sampleAccount('a', { tokenExpiresAt: later(NOON, HOUR) })
    const health = { ...cooling({}), login: { since: before, reason: 'its grant is gone' } }
    expect(stateOf(signedIn, health, NOON)).toEqual({
      kind: 'needs-login',
      reason: 'its grant is gone',
      since: before,
      remedy: 'Sign in again with "spillway accounts login a".',
    })
  })

  it.each([
    ['billing', 'Look at the account’s balance and payment at its provider.'],
    ['spend-limit', 'Raise the spend limit at its provider, or wait.'],
    ['window-spent', undefined],
  ] as const)('says what a person can do about %s', (cause, remedy) => {
    expect(stateOf(account, cooling({ cause, until: later(NOON, HOUR) }), NOON).remedy).toBe(remedy)
  })

  it('is paused before anything else', () => {
    const refused = cooling({ cause: 'unauthorized' })
    expect(stateOf(sampleAccount('a', { pausedAt: before }), refused, NOON)).toEqual({
      kind: 'paused',
      reason: 'paused by hand',
      since: before,
      remedy: 'Use it again with "spillway accounts resume a".',
    })
  })

  it('names what an operator must mend before what heals by itself', () => {
    const health: Health = {
      ...HEALTHY,
      cooldowns: [sampleCooldown(), sampleCooldown({ cause: 'unauthorized', evidence: 'refused' })],
    }
    expect(stateOf(account, health, NOON)).toMatchObject({ kind: 'needs-login', reason: 'refused' })
  })
})

function cooling(change: Partial<Cooldown>): Health {
  return { ...HEALTHY, cooldowns: [sampleCooldown({ since: before, ...change })] }
}
