/** What groups of accounts have cost today. */
import { describe, expect, it } from 'bun:test'
import { idOf, manualClock, sampleView } from '../../test/support/samples.ts'
import { DAY } from '../core/time.ts'
import { createSpending } from './spending.ts'

describe('what has been spent', () => {
  it('adds up by account, and counts for each of its groups', () => {
    const { spending } = open()
    spending.spent(idOf('a'), 1.5)
    spending.spent(idOf('a'), 1)
    spending.spent(idOf('b'), 4)
    expect(spending.ofGroup('keys')).toBe(6.5)
    expect(spending.ofGroup('team')).toBe(2.5)
    expect(spending.ofGroup('*')).toBe(6.5)
    expect(spending.ofGroup('nobody')).toBe(0)
  })

  it('is counted at once, although it was asked for before', () => {
    const { spending } = open()
    expect(spending.ofGroup('keys')).toBe(0)
    spending.spent(idOf('b'), 2)
    expect(spending.ofGroup('keys')).toBe(2)
  })

  it('begins anew with the day (UTC)', () => {
    const { spending, clock } = open()
    spending.spent(idOf('a'), 2)
    clock.advance(DAY / 2 - 1)
    expect(spending.ofGroup('keys')).toBe(2)
    clock.advance(1)
    expect(spending.ofGroup('keys')).toBe(0)
  })
})

function open() {
  const clock = manualClock()
  const views = [
    sampleView('a', { account: { groups: ['keys', 'team'] } }),
    sampleView('b', { account: { groups: ['keys'] } }),
  ]
  return { clock, spending: createSpending({ clock, views: () => views }) }
}
