/** Moments and lengths of time: what is a date and what is not, months, words for people. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import {
  DAY,
  describeLength,
  HOUR,
  later,
  MINUTE,
  nextMonth,
  readDate,
  SECOND,
  toIso,
  toMillis,
} from './time.ts'

describe('readDate', () => {
  it.each([
    ['RFC 3339 in UTC', '2026-11-20T12:00:00Z'],
    ['RFC 3339 with an offset', '2026-11-20T13:30:00+01:30'],
    ['RFC 3339 with a fraction of a second', '2026-11-20T12:00:00.000Z'],
    ['the date of HTTP', 'Fri, 20 Nov 2026 12:00:00 GMT'],
  ])('reads %s', (_what, text) => {
    expect(readDate(text)).toBe(toMillis(Date.UTC(2026, 10, 20, 12)))
  })

  it.each([
    ['nothing', ''],
    ['a word', 'tomorrow'],
    ['a small number, which means seconds wherever it stands', '5'],
    ['another small number', '60'],
    ['an epoch', '1795000800'],
    ['a length', '6m0s'],
    ['a local time, which is another moment on every machine', '2026-11-20 23:14:00'],
    ['an American date', '12/25/2026'],
    ['a day that does not exist', '2026-13-45T00:00:00Z'],
  ])('takes no date from %s', (_what, text) => {
    expect(readDate(text)).toBeUndefined()
  })

  it('reads back every moment that toIso writes', () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') }), (date) => {
        const at = toMillis(date.getTime())
        expect(readDate(toIso(at))).toBe(at)
      }),
    )
  })
})

describe('nextMonth', () => {
  it.each([
    ['2026-11-20T12:00:00Z', '2026-12-01T00:00:00.000Z'],
    ['2026-12-31T23:59:59Z', '2027-01-01T00:00:00.000Z'],
    ['2027-01-31T00:00:00Z', '2027-02-01T00:00:00.000Z'],
    ['2026-12-01T00:00:00Z', '2027-01-01T00:00:00.000Z'],
  ])('of %s is %s', (from, expected) => {
    expect(toIso(nextMonth(toMillis(Date.parse(from))))).toBe(expected)
  })
})

describe('describeLength', () => {
  it.each([
    [-5 * SECOND, '0 s'],
    [0, '0 s'],
    [1, '1 s'],
    [40 * SECOND, '40 s'],
    [89 * SECOND, '89 s'],
    [90 * SECOND, '2 min'],
    [35 * MINUTE, '35 min'],
    [90 * MINUTE, '1 h 30 min'],
    [2 * HOUR, '2 h'],
    [2 * HOUR + 5 * MINUTE, '2 h 5 min'],
    [47 * HOUR, '47 h'],
    [3 * DAY, '3 days'],
  ])('says %d ms as "%s"', (lengthMs, words) => {
    expect(describeLength(lengthMs)).toBe(words)
  })
})

describe('toMillis and later', () => {
  it('keep moments whole, whatever fraction a provider names', () => {
    expect(toMillis(1.6)).toBe(toMillis(2))
    expect(later(toMillis(1_000), 0.4)).toBe(toMillis(1_000))
  })
})
