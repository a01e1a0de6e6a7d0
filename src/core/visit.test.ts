/** A visit is over when its time is, or when nobody has used it. */
import { expect, it } from 'bun:test'
import { NOON, sampleVisit } from '../../test/support/samples.ts'
import { HOUR, later } from './time.ts'
import { isOver } from './visit.ts'

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
