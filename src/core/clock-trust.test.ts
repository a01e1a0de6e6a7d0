/** A clock that jumps: what may be deleted by it, and when it is believed again. */
import { describe, expect, it } from 'bun:test'
import { NOON } from '../../test/support/samples.ts'
import { type ClockTrust, trustOf } from './clock-trust.ts'
import { DAY, HOUR, later, MINUTE, type Millis } from './time.ts'

const YEAR = 365 * DAY
/** What comes of looks at these times, one after the other, by a clock that was right at noon. */
const after = (...looks: readonly Millis[]): ClockTrust => looks.reduce(trustOf, { trusted: NOON })
const at = (ms: number): Millis => later(NOON, ms)

describe('the time that may be deleted by', () => {
  it('is the clock’s as long as it goes on', () => {
    expect(after(at(HOUR), at(2 * HOUR))).toEqual({ trusted: at(2 * HOUR) })
    expect(after(at(DAY))).toEqual({ trusted: at(DAY) })
  })

  it('is the clock’s when it goes back, which deletes less', () => {
    expect(after(at(-HOUR))).toEqual({ trusted: at(-HOUR) })
    expect(after(at(-10 * YEAR))).toEqual({ trusted: at(-10 * YEAR) })
  })

  it.each([DAY + 1, 30 * DAY, 10 * YEAR])('stands still after a jump of %i ms', (jump) => {
    expect(after(at(jump))).toEqual({ trusted: NOON, doubt: { since: at(jump), seen: at(jump) } })
    expect(after(at(jump), at(jump + HOUR)).trusted).toBe(NOON)
    expect(after(at(jump), at(jump + DAY - MINUTE)).trusted).toBe(NOON)
  })

  it('is the clock’s again once the jump has stood for a day', () => {
    const hours = Array.from({ length: 25 }, (_, hour) => at(10 * YEAR + hour * HOUR))
    expect(after(...hours)).toEqual({ trusted: at(10 * YEAR + DAY) })
  })

  it('is that of a machine that is on for an hour in a week, at its second time', () => {
    expect(after(at(7 * DAY), at(7 * DAY + HOUR)).trusted).toBe(NOON)
    expect(after(at(7 * DAY), at(7 * DAY + HOUR), at(14 * DAY)).trusted).toBe(at(14 * DAY))
  })

  it('goes on as if nothing had been when the clock comes back', () => {
    expect(after(at(10 * YEAR), at(10 * YEAR + HOUR), at(2 * HOUR))).toEqual({ trusted: at(2 * HOUR) })
  })

  it('is not what a clock says that jumps again and again', () => {
    const looks = Array.from({ length: 50 }, (_, index) => at((index + 1) * 40 * DAY))
    expect(after(...looks).trusted).toBe(NOON)
    const backAndForth = Array.from({ length: 50 }, (_, index) =>
      at((index % 2 === 0 ? 10 : 5) * YEAR + index * HOUR),
    )
    expect(after(...backAndForth).trusted).toBe(NOON)
  })
})
