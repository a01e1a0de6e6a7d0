/** A visit is over when its time is, or when nobody has used it. */
import { expect, it } from 'bun:test'
import { NOON, sampleUser, sampleVisit } from '../../test/support/samples.ts'
import { HOUR, later } from './time.ts'
import { hasUser, isOver } from './visit.ts'

it('is over from the moment that it ends, however much it is used', () => {
  const visit = sampleVisit('a', { usedAt: later(NOON, 9 * HOUR), endsAt: later(NOON, 10 * HOUR) })
  expect(isOver(visit, later(NOON, 10 * HOUR - 1), 24 * HOUR)).toBe(false)
  expect(isOver(visit, later(NOON, 10 * HOUR), 24 * HOUR)).toBe(true)
})

it('is over when nobody has used it for as long as may be', () => {
  const visit = sampleVisit('a', { usedAt: NOON, endsAt: later(NOON, 100 * HOUR) })
  expect(isOver(visit, later(NOON, HOUR - 1), HOUR)).toBe(false)
  expect(isOver(visit, later(NOON, HOUR), HOUR)).toBe(true)
})

it('has a user as long as they are there, may come in and have the same role', () => {
  const visit = sampleVisit('ann', { role: 'operator' })
  const ann = sampleUser('ann', { role: 'operator' })
  expect(hasUser(visit, [sampleUser('bob'), ann])).toBe(true)
  expect(hasUser(visit, [sampleUser('bob')])).toBe(false)
  expect(hasUser(visit, [{ ...ann, disabledAt: NOON }])).toBe(false)
  expect(hasUser(visit, [{ ...ann, role: 'owner' }])).toBe(false)
})

it('needs no user where it is that of the token or of a provider', () => {
  expect(hasUser(sampleVisit('ann', { userId: undefined }), [])).toBe(true)
})
