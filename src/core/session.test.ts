/** Conversations and their bindings: who they are, when they move and when they only spill. */
import { describe, expect, it } from 'bun:test'
import { toAccountId } from './account.ts'
import { type Binding, bindingAfter, CACHE_LIFE_MS, conversationOf, isAlive } from './session.ts'
import { HOUR, later, MINUTE, toMillis } from './time.ts'

const noon = toMillis(Date.parse('2026-11-20T12:00:00Z'))
const home = toAccountId('home')
const other = toAccountId('other')
const third = toAccountId('third')

describe('bindingAfter', () => {
  it('binds a new conversation to the account that served it', () => {
    expect(bindingAfter(undefined, served(home))).toEqual({
      account: home,
      spill: undefined,
      boundAt: noon,
      usedAt: noon,
    })
  })

  it('notes the use and keeps everything else when the bound account served', () => {
    const bound = binding({ spill: other })
    expect(bindingAfter(bound, served(home))).toEqual({ ...bound, usedAt: noon })
  })

  it('leaves the binding alone when another account served while the bound one could have', () => {
    const bound = binding({})
    expect(bindingAfter(bound, served(other))).toEqual({ ...bound, spill: other, usedAt: noon })
  })

  it('leaves it alone while the bound account is back before its cache is cold', () => {
    const back = later(noon, CACHE_LIFE_MS)
    expect(bindingAfter(binding({}), served(other, back))).toMatchObject({ account: home, spill: other })
  })

  it('moves when the bound account stays away for longer than its cache lives', () => {
    const back = later(noon, CACHE_LIFE_MS + 1)
    expect(bindingAfter(binding({ spill: third }), served(other, back))).toEqual({
      account: other,
      spill: undefined,
      boundAt: noon,
      usedAt: noon,
    })
  })

  it('follows a spill that goes elsewhere', () => {
    expect(bindingAfter(binding({ spill: other }), served(third))).toMatchObject({
      account: home,
      spill: third,
    })
  })
})

describe('isAlive', () => {
  it('counts from the last use, and ends exactly when the session does', () => {
    const bound = binding({ usedAt: noon })
    expect(isAlive(bound, 5 * HOUR, later(noon, 5 * HOUR - 1))).toBe(true)
    expect(isAlive(bound, 5 * HOUR, later(noon, 5 * HOUR))).toBe(false)
  })
})

describe('conversationOf', () => {
  const nothing = { sessionHeader: undefined, agentHeader: undefined, userSession: undefined }

  it('is the session', () => {
    expect(conversationOf({ ...nothing, sessionHeader: 's1' })).toEqual({
      key: 's1',
      session: 's1',
      agent: undefined,
    })
  })

  it('prefers the header to what the body says', () => {
    expect(conversationOf({ ...nothing, sessionHeader: 's1', userSession: 's2' })?.key).toBe('s1')
  })

  it('takes the session of the body where there is no header', () => {
    expect(conversationOf({ ...nothing, userSession: 's2' })?.key).toBe('s2')
  })

  it('gives each agent of a session a conversation of its own, because it has a cache of its own', () => {
    const main = conversationOf({ ...nothing, sessionHeader: 's1' })
    const agent = conversationOf({ ...nothing, sessionHeader: 's1', agentHeader: 'a1' })
    expect(agent).toEqual({ key: 's1/a1', session: 's1', agent: 'a1' })
    expect(agent?.key).not.toBe(main?.key)
  })

  it('takes an empty agent for none', () => {
    expect(conversationOf({ ...nothing, sessionHeader: 's1', agentHeader: '' })).toMatchObject({
      key: 's1',
      agent: undefined,
    })
  })

  it('is nobody’s when no session is named', () => {
    expect(conversationOf(nothing)).toBeUndefined()
    expect(conversationOf({ ...nothing, agentHeader: 'a1' })).toBeUndefined()
    expect(conversationOf({ ...nothing, userSession: '' })).toBeUndefined()
  })

  it('takes an empty header for none, and asks the body', () => {
    expect(conversationOf({ ...nothing, sessionHeader: '', userSession: 's2' })?.key).toBe('s2')
  })
})

function binding(change: Partial<Binding>): Binding {
  const before = later(noon, -MINUTE)
  return { account: home, spill: undefined, boundAt: before, usedAt: before, ...change }
}

function served(account: Binding['account'], awayUntil?: Binding['usedAt']) {
  return { account, awayUntil, now: noon }
}
