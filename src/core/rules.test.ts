/** Where an account stands in a pool, and what is wanted in the place of a model. */
import { describe, expect, it } from 'bun:test'
import { type PoolRule, preferenceFor, tierOf } from './rules.ts'

const nothing = () => 0

describe('an account’s tier', () => {
  it('is that of the first of its groups', () => {
    expect(tierOf({ groups: ['cloud', 'keys'] }, pool(), nothing)).toBe(1)
    expect(tierOf({ groups: ['subscriptions'] }, pool(), nothing)).toBe(0)
  })

  it('is none where it is in no group of the pool', () => {
    expect(tierOf({ groups: ['private'] }, pool(), nothing)).toBeUndefined()
    expect(tierOf({ groups: [] }, pool(), nothing)).toBeUndefined()
  })

  it('is the next one when its group’s money for today is spent', () => {
    const spent = (group: string) => (group === 'keys' ? 20 : 0)
    expect(tierOf({ groups: ['keys'] }, pool(), spent)).toBeUndefined()
    expect(tierOf({ groups: ['keys', 'cloud'] }, pool(), spent)).toBe(2)
  })

  it('is anybody’s in the group *', () => {
    const everybody: PoolRule = { ...pool(), tiers: [{ group: '*', usdPerDay: undefined }] }
    expect(tierOf({ groups: [] }, everybody, nothing)).toBe(0)
  })
})

describe('a preference', () => {
  const preferences = new Map([
    ['claude-opus-5', 'exact'],
    ['opus', 'family'],
  ])

  it.each([
    ['claude-opus-5', 'exact'],
    ['claude-opus-5[1m]', 'exact'],
    ['claude-opus-5-5', 'family'],
    ['claude-haiku-5-5', undefined],
  ])('for %s is %p', (model, wanted) => {
    expect(preferenceFor(preferences, model)).toBe(wanted)
  })
})

const pool = (): PoolRule => ({
  name: 'work',
  strategy: undefined,
  tiers: [
    { group: 'subscriptions', usdPerDay: undefined },
    { group: 'keys', usdPerDay: 20 },
    { group: 'cloud', usdPerDay: undefined },
  ],
})
