/** Rules that cannot work with the accounts that there are. */
import { describe, expect, it } from 'bun:test'
import { NO_RULES } from './rules.ts'
import { checkRules } from './rules-check.ts'
import { readPools, readReserves } from './rules-input.ts'

const accounts = [{ groups: ['subscriptions'] }, { groups: ['keys'] }]

describe('a group that nobody is in', () => {
  it('is found in a pool, with the one that was meant', () => {
    const rules = { ...NO_RULES, pools: readPools({ work: ['keys', 'subscription'] }) }
    expect(checkRules(rules, accounts)).toEqual([
      {
        path: 'pools.work.tiers[1]',
        message: 'No account is in the group "subscription". Did you mean "subscriptions"?',
      },
    ])
  })

  it('is found in a reserve, with how to put somebody there', () => {
    const reserves = readReserves([{ class: 'interactive', window: '5h', percent: 5, group: 'elsewhere' }])
    const [finding] = checkRules({ ...NO_RULES, reserves }, accounts)
    expect(finding?.path).toBe('reserves[0].group')
    expect(finding?.message).toContain('There are: subscriptions, keys.')
    expect(finding?.message).toContain('--group elsewhere')
  })

  it('is not the group of everybody', () => {
    expect(checkRules({ ...NO_RULES, pools: readPools({ work: ['*'] }) }, [])).toEqual([])
  })
})
