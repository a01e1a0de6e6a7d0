/** The one word that people see for an account, with its reason and times. */
import { describe, expect, it } from 'bun:test'
import { type Account, toAccountId, toSealedSecret } from './account.ts'
import { type Cooldown, HEALTHY, type Health } from './health.ts'
import { stateOf } from './state.ts'
import { HOUR, later, MINUTE, type Millis, toMillis } from './time.ts'

const noon = toMillis(Date.parse('2026-11-20T12:00:00Z'))
const before = later(noon, -MINUTE)

describe('stateOf', () => {
  it('is ready when nothing is held against it', () => {
    expect(stateOf(account(), HEALTHY, noon)).toEqual({ kind: 'ready' })
  })

  it('is cooling until its cooldown ends, and says from what', () => {
    const until = later(noon, HOUR)
    expect(stateOf(account(), cooling({ until }), noon)).toEqual({
      kind: 'cooling',
      reason: 'its 5h window is spent (429)',
      since: before,
      until,
    })
  })

  it('is ready from the very end of its cooldown on', () => {
    expect(stateOf(account(), cooling({ until: noon }), noon)).toEqual({ kind: 'ready' })
  })

  it('is ready while only a model or a family cools', () => {
    const model = cooling({ scope: { kind: 'model', model: 'claude-opus-5' } })
    const family = cooling({ scope: { kind: 'family', family: 'opus' } })
    expect(stateOf(account(), model, noon)).toEqual({ kind: 'ready' })
    expect(stateOf(account(), family, noon)).toEqual({ kind: 'ready' })
  })

  it('needs a login after a refused credential, also after the time of its next test', () => {
    const refused = cooling({
      cause: 'unauthorized',
      evidence: 'its credential was refused (401)',
      until: before,
    })
    expect(stateOf(account(), refused, noon)).toEqual({
      kind: 'needs-login',
      reason: 'its credential was refused (401)',
      since: before,
    })
  })

  it('is in error while its secret cannot be read', () => {
    const unreadable = cooling({ cause: 'secret-unreadable', evidence: 'wrong key', until: before })
    expect(stateOf(account(), unreadable, noon)).toEqual({
      kind: 'error',
      reason: 'wrong key',
      since: before,
    })
  })

  it('is paused before anything else', () => {
    const refused = cooling({ cause: 'unauthorized' })
    expect(stateOf(account(before), refused, noon)).toEqual({
      kind: 'paused',
      reason: 'paused by hand',
      since: before,
    })
  })

  it('names what an operator must mend before what heals by itself', () => {
    const health: Health = {
      ...HEALTHY,
      cooldowns: [cooldown({}), cooldown({ cause: 'unauthorized', evidence: 'refused' })],
    }
    expect(stateOf(account(), health, noon)).toMatchObject({ kind: 'needs-login', reason: 'refused' })
  })
})

function cooldown(change: Partial<Cooldown>): Cooldown {
  return {
    scope: { kind: 'account' },
    cause: 'window-spent',
    evidence: 'its 5h window is spent (429)',
    since: before,
    until: later(noon, HOUR),
    ...change,
  }
}

function cooling(change: Partial<Cooldown>): Health {
  return { ...HEALTHY, cooldowns: [cooldown(change)] }
}

function account(pausedAt?: Millis): Account {
  return {
    id: toAccountId('a'),
    name: 'a',
    provider: 'console',
    baseUrl: undefined,
    priority: 0,
    weight: 1,
    tier: 0,
    groups: [],
    modelMap: new Map(),
    secret: toSealedSecret(''),
    pausedAt,
    createdAt: before,
  }
}
