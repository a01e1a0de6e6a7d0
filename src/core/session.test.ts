/** Conversations and their bindings: who they are, when they move and when they only spill. */
import { describe, expect, it } from 'bun:test'
import { toAccountId } from './account.ts'
import { afterUsage, type Binding, bindingAfter, CACHE_LIFE_MS, conversationOf, isAlive } from './session.ts'
import { HOUR, later, MINUTE, toMillis } from './time.ts'
import { NO_USAGE, type Usage } from './usage.ts'

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
      organization: 'org',
      cache: { lifeMs: CACHE_LIFE_MS, tokens: 0, touchedAt: noon, spillTokens: 0, paidUsd: 0 },
    })
  })

  it('notes the use and keeps everything else when the bound account served', () => {
    const bound = binding({ spill: other })
    expect(bindingAfter(bound, served(home))).toEqual({
      ...bound,
      usedAt: noon,
      cache: { ...bound.cache, touchedAt: noon },
    })
  })

  it('leaves the binding alone when another account served while the bound one could have', () => {
    const bound = binding({})
    expect(bindingAfter(bound, served(other))).toEqual({ ...bound, spill: other, usedAt: noon })
  })

  it('leaves it alone while the bound account is back before its cache is cold', () => {
    const back = later(noon, CACHE_LIFE_MS - MINUTE - 1)
    expect(bindingAfter(binding({}), served(other, back))).toMatchObject({ account: home, spill: other })
  })

  it('moves when the bound account stays away for longer than its cache lives', () => {
    const back = later(noon, CACHE_LIFE_MS - MINUTE)
    expect(bindingAfter(binding({ spill: third }), served(other, back))).toMatchObject({
      account: other,
      spill: undefined,
      boundAt: noon,
      usedAt: noon,
      cache: { tokens: 0, touchedAt: noon },
    })
  })

  it('stays for an hour where its cache was written for one', () => {
    const long = { ...binding({}).cache, lifeMs: HOUR }
    const back = later(noon, 30 * MINUTE)
    expect(bindingAfter(binding({ cache: long }), served(other, back)).account).toBe(home)
    expect(bindingAfter(binding({ cache: long }), served(other, later(noon, HOUR))).account).toBe(other)
  })

  it('follows a spill that goes elsewhere', () => {
    expect(bindingAfter(binding({ spill: other }), served(third))).toMatchObject({
      account: home,
      spill: third,
    })
  })
})

describe('afterUsage', () => {
  it('learns how long the cache lives from what was written into it', () => {
    expect(used(binding({}), home, { cacheWrite1hTokens: 5 }).cache.lifeMs).toBe(HOUR)
    const long = binding({ cache: { ...binding({}).cache, lifeMs: HOUR } })
    expect(used(long, home, { cacheWrite5mTokens: 5 }).cache.lifeMs).toBe(CACHE_LIFE_MS)
    expect(used(long, home, { cacheReadTokens: 5 }).cache.lifeMs).toBe(HOUR)
  })

  it('counts everything that was read from the cache or written into it', () => {
    const counts = { cacheReadTokens: 70_000, cacheWrite5mTokens: 2_000, inputTokens: 9 }
    expect(used(binding({}), home, counts).cache.tokens).toBe(72_000)
  })

  it('notes what a spill has in its cache, and leaves the binding alone', () => {
    const spilled = used(binding({ spill: other }), other, { cacheWrite5mTokens: 60_000 })
    expect(spilled).toMatchObject({
      account: home,
      spill: other,
      cache: { tokens: 50_000, spillTokens: 60_000 },
    })
  })

  it('moves when going back would write more than it would find', () => {
    const moved = used(binding({ spill: other }), other, {
      cacheReadTokens: 90_000,
      cacheWrite5mTokens: 11_000,
    })
    expect(moved).toMatchObject({ account: other, spill: undefined, cache: { tokens: 101_000 } })
  })

  it('adds up what the conversation has cost since it was bound', () => {
    const once = used(binding({}), home, { cacheReadTokens: 1 })
    expect(used(once, home, { cacheReadTokens: 1 }).cache.paidUsd).toBeCloseTo(0.5)
  })

  it('takes no notice of an account that is neither its own nor its spill', () => {
    const bound = binding({ spill: other })
    expect(used(bound, third, { cacheReadTokens: 1 })).toEqual(bound)
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
  return {
    account: home,
    spill: undefined,
    boundAt: before,
    usedAt: before,
    organization: undefined,
    cache: { lifeMs: CACHE_LIFE_MS, tokens: 50_000, touchedAt: before, spillTokens: 0, paidUsd: 0 },
    ...change,
  }
}

function served(account: Binding['account'], awayUntil?: Binding['usedAt']) {
  return { account, organization: 'org', awayUntil, now: noon }
}

const used = (bound: Binding, account: Binding['account'], usage: Partial<Usage>): Binding =>
  afterUsage(bound, {
    account,
    organization: undefined,
    usage: { ...NO_USAGE, ...usage },
    costUsd: 0.25,
    now: noon,
  })
