/** Somebody is left who may do everything. */
import { describe, expect, it } from 'bun:test'
import { NOON, sampleUser } from '../../test/support/samples.ts'
import { leavesNoOwner } from './user.ts'

describe('the last owner', () => {
  const [ann, bob, eve] = [sampleUser('ann'), sampleUser('bob'), sampleUser('eve', { role: 'operator' })]

  it('may not be removed, disabled or made less', () => {
    const users = [ann, eve]
    expect(leavesNoOwner(users, ann, undefined)).toBe(true)
    expect(leavesNoOwner(users, ann, { ...ann, role: 'operator' })).toBe(true)
    expect(leavesNoOwner(users, ann, { ...ann, disabledAt: NOON })).toBe(true)
    expect(leavesNoOwner(users, ann, { ...ann, name: 'anna' })).toBe(false)
  })

  it('is the last one although there is another who may not come in', () => {
    expect(leavesNoOwner([ann, { ...bob, disabledAt: NOON }], ann, undefined)).toBe(true)
  })

  it('is not the last one while there is another', () => {
    expect(leavesNoOwner([ann, bob], ann, undefined)).toBe(false)
    expect(leavesNoOwner([ann, eve], eve, undefined)).toBe(false)
  })
})
