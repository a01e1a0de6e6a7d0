/** Readings of windows: what replaces what, what begins anew, what is kept, what overage means. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON } from '../../test/support/samples.ts'
import {
  asOf,
  isNoNews,
  isOpenAgain,
  isWorthKeeping,
  type Overage,
  overageLimit,
  type Window,
  withReadings,
} from './limits.ts'
import { DAY, HOUR, later, MINUTE, type Millis, SECOND } from './time.ts'

const END = later(NOON, 3 * HOUR)

describe('withReadings', () => {
  it('replaces the window that a reading names and keeps the others', () => {
    const known = [window('5h', 0.2), window('7d', 0.4)]
    expect(withReadings(known, [window('5h', 0.9)])).toEqual([window('5h', 0.9), window('7d', 0.4)])
  })

  it('does not carry parts of an older reading into a newer one', () => {
    const silent: Window = { name: '5h', readAt: later(NOON, 2) }
    expect(withReadings([window('5h', 0.2)], [silent])).toEqual([silent])
  })

  it('adds windows that are new, in the order of their names', () => {
    expect(withReadings([window('7d', 0)], [window('7d_oi', 0), window('5h', 0)]).map(nameOf)).toEqual([
      '5h',
      '7d',
      '7d_oi',
    ])
  })

  it('is the very same list when nothing was read', () => {
    const known = [window('5h', 0.2)]
    expect(withReadings(known, [])).toBe(known)
  })

  it('keeps a balance that has neither a share nor an end as it is', () => {
    const balance: Window = { name: 'balance', remaining: 4.2, unit: 'USD', status: 'allowed', readAt: NOON }
    expect(withReadings([], [balance])).toEqual([balance])
  })
})

describe('a window’s end', () => {
  const endAfter = (...ends: readonly Millis[]): Millis | undefined =>
    ends
      .reduce<readonly Window[]>(
        (known, resetsAt, index) =>
          withReadings(known, [{ name: '5h', utilization: 0.5, resetsAt, readAt: later(NOON, index) }]),
        [],
      )
      .find(({ name }) => name === '5h')?.resetsAt

  it.each([-59_999, -2_000, 412, 2_000, 59_999])('that is named %d ms off is the same end', (offMs) => {
    expect(endAfter(END, later(END, offMs))).toBe(END)
  })

  it.each([-MINUTE, MINUTE, 5 * HOUR])('that is %d ms off is another one', (offMs) => {
    expect(endAfter(END, later(END, offMs))).toBe(later(END, offMs))
  })

  it('that drifts is noticed before it is a minute off, however small its steps', () => {
    const drift = fc.array(fc.integer({ min: -2_000, max: 5_000 }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(drift, (steps) => {
        const ends = [END]
        for (const step of steps) ends.push(later(ends.at(-1) ?? END, step))
        const last = ends.at(-1) ?? END
        expect(Math.abs((endAfter(...ends) ?? 0) - last)).toBeLessThan(MINUTE)
      }),
    )
  })

  it('that had passed when it was read again is no longer the same', () => {
    const before: Window = { name: '5h', utilization: 0.9, resetsAt: NOON, readAt: later(NOON, -HOUR) }
    const after: Window = {
      name: '5h',
      utilization: 0.1,
      resetsAt: later(NOON, 30_000),
      readAt: later(NOON, SECOND),
    }
    expect(withReadings([before], [after])).toEqual([after])
  })

  it('is a new one with each reading of a meter that refills within a minute', () => {
    const meter = (seconds: number): Window => ({
      name: 'requests/min',
      utilization: 0.5,
      resetsAt: later(NOON, (seconds + 12) * SECOND),
      readAt: later(NOON, seconds * SECOND),
    })
    for (const seconds of [1, 5, 20])
      expect(withReadings([meter(0)], [meter(seconds)])).toEqual([meter(seconds)])
    expect(asOf(meter(20), later(NOON, 21 * SECOND)).utilization).toBe(0.5)
  })

  it('is absent where a reading has none: the window is idle', () => {
    const idle: Window = { name: '5h', utilization: 0, readAt: later(NOON, 1) }
    expect(withReadings([{ ...window('5h', 0.9), resetsAt: END }], [idle])).toEqual([idle])
  })
})

describe('asOf', () => {
  const reading: Window = { name: '5h', utilization: 1, resetsAt: END, status: 'rejected', readAt: NOON }

  it('is the reading itself until the window’s end', () => {
    expect(asOf(reading, later(END, -1))).toEqual(reading)
  })

  it.each([0, 1, DAY])('knows nothing %d ms after it: unknown is not zero', (passedMs) => {
    expect(asOf(reading, later(END, passedMs))).toEqual({ name: '5h', readAt: NOON })
  })

  it('is the reading itself where no end was named', () => {
    const balance: Window = { name: 'balance', remaining: 3, unit: 'USD', readAt: NOON }
    expect(asOf(balance, later(NOON, DAY))).toEqual(balance)
  })
})

describe('isOpenAgain', () => {
  it.each<[string, Partial<Window>, boolean]>([
    ['nothing used', { utilization: 0 }, true],
    ['a part used', { utilization: 0.99, status: 'allowed' }, true],
    ['a warning', { utilization: 0.93, status: 'allowed_warning' }, true],
    ['all used', { utilization: 1 }, false],
    ['more than all used', { utilization: 1.13, status: 'allowed' }, false],
    ['a part used, and refused all the same', { utilization: 0.5, status: 'rejected' }, false],
    ['a word that nobody knows', { utilization: 0.5, status: 'queueing_hard' }, false],
    ['no share at all', { status: 'allowed' }, false],
    ['nothing said', {}, false],
  ])('of a reading with %s', (_what, fields, expected) => {
    expect(isOpenAgain({ name: '5h', readAt: NOON, ...fields })).toBe(expected)
  })
})

describe('isWorthKeeping', () => {
  const kept: Window = { name: '5h', utilization: 0.5, resetsAt: END, status: 'allowed', readAt: NOON }
  const next = (fields: Partial<Window>): Window => ({ ...kept, readAt: later(NOON, MINUTE), ...fields })

  it.each<[string, Partial<Window>, boolean]>([
    ['the same a minute later', {}, false],
    ['a tenth of a percent more', { utilization: 0.501 }, false],
    ['half a percent more', { utilization: 0.5051 }, true],
    ['half a percent less', { utilization: 0.4949 }, true],
    ['the same after five minutes', { readAt: later(NOON, 5 * MINUTE) }, true],
    ['another word of the provider', { status: 'allowed_warning' }, true],
    ['an end that jitters', { resetsAt: later(END, 2 * SECOND) }, false],
    ['a new end, with as much used as before', { resetsAt: later(END, 5 * HOUR) }, true],
  ])('%s', (_what, fields, expected) => {
    expect(isWorthKeeping(kept, next(fields))).toBe(expected)
  })

  it('a reading without a share is not: absent is not zero', () => {
    const { utilization: _, ...silent } = next({ readAt: later(NOON, HOUR), status: 'rejected' })
    expect(isWorthKeeping(kept, silent)).toBe(false)
  })

  it('the first of all is', () => {
    expect(isWorthKeeping(undefined, kept)).toBe(true)
  })

  it('meters that refill within a minute and balances are shown, not kept', () => {
    expect(isWorthKeeping(undefined, window('tokens/min', 0.5))).toBe(false)
    expect(isWorthKeeping(undefined, { name: 'balance', remaining: 3, readAt: NOON })).toBe(false)
  })

  it('thins a stream of readings to one in five minutes and in half a percent', () => {
    let last: Window | undefined
    let count = 0
    for (let second = 0; second < 3_600; second++) {
      const reading = next({ utilization: second / 36_000, readAt: later(NOON, second * SECOND) })
      if (!isWorthKeeping(last, reading)) continue
      last = reading
      count++
    }
    expect(count).toBeGreaterThanOrEqual(12)
    expect(count).toBeLessThanOrEqual(33)
  })
})

describe('overageLimit', () => {
  const spent = (name: string, untilMs: number, fields: Partial<Window> = {}): Window => ({
    ...window(name, 1),
    resetsAt: later(NOON, untilMs),
    ...fields,
  })
  const limit = (windows: readonly Window[], overage: Overage | undefined = { inUse: true }) =>
    overageLimit({ windows, ...(overage === undefined ? {} : { overage }) }, NOON)

  it('is none as long as no overage is drawn on, spent windows or not', () => {
    expect(limit([spent('5h', HOUR)], { inUse: false, status: 'allowed', utilization: 0.3 })).toBeUndefined()
    expect(overageLimit({ windows: [spent('5h', HOUR)] }, NOON)).toBeUndefined()
  })

  it('lasts until the spent window’s end and names it, so that a newer reading can end it', () => {
    expect(limit([spent('5h', HOUR), window('7d', 0.4)])).toEqual({
      cause: 'window-spent',
      scope: { kind: 'account' },
      evidence: 'it has begun to draw on paid overage, and it is kept to its plan',
      until: later(NOON, HOUR),
      window: '5h',
    })
  })

  it('lasts until all that is spent is open again', () => {
    expect(limit([spent('7d', 3 * DAY), spent('5h', HOUR)])).toMatchObject({
      until: later(NOON, 3 * DAY),
      window: '7d',
    })
  })

  it('believes the provider’s word for a window where it gives no share', () => {
    const { utilization: _, ...silent } = spent('7d', DAY, { status: 'rejected' })
    expect(limit([silent])).toMatchObject({ until: later(NOON, DAY), window: '7d' })
  })

  it.each<[string, readonly Window[]]>([
    ['no window is spent', [window('5h', 0.99), window('7d', 0.2)]],
    ['no window is told', []],
    ['the spent window names no end', [window('5h', 1.2)]],
    ['the spent window’s end has passed', [spent('5h', -SECOND), spent('7d', 0)]],
    ['only a family’s window is spent', [spent('7d_opus', 3 * DAY), spent('7d_oi', 3 * DAY)]],
    ['only a meter of a minute is spent', [spent('tokens/min', 20 * SECOND)]],
  ])('is looked at again within minutes when %s', (_what, windows) => {
    const found = limit(windows)
    expect(found?.until).toBe(later(NOON, 5 * MINUTE))
    expect(found).not.toHaveProperty('window')
  })

  it('is never longer than the latest end that its evidence names (G8)', () => {
    const windows = fc.array(
      fc.record({
        name: fc.constantFrom('5h', '7d', '7d_opus', 'requests/min'),
        utilization: fc.double({ min: 0, max: 1.5, noNaN: true }),
        resetsAt: fc.integer({ min: -DAY, max: 7 * DAY }).map((ms) => later(NOON, ms)),
        readAt: fc.constant(NOON),
      }),
    )
    fc.assert(
      fc.property(windows, (read) => {
        const until = limit(read)?.until ?? NOON
        const ends = read.filter(({ utilization }) => utilization >= 1).map(({ resetsAt }) => resetsAt)
        expect(until).toBeLessThanOrEqual(Math.max(later(NOON, 5 * MINUTE), ...ends))
        expect(until).toBeGreaterThan(NOON)
      }),
    )
  })
})

function window(name: string, utilization: number): Window {
  return { name, utilization, readAt: NOON }
}

function nameOf({ name }: Window): string {
  return name
}

describe('a reading', () => {
  const known: readonly Window[] = [
    { name: '5h', utilization: 0.4, resetsAt: later(NOON, HOUR), status: 'allowed', readAt: NOON },
  ]
  const read = (change: Partial<Window>): boolean => {
    const [first] = known
    return first !== undefined && isNoNews(known, [{ ...first, readAt: later(NOON, 1_000), ...change }])
  }

  it('is no news when it says within seconds what is known', () => {
    expect(read({})).toBe(true)
    expect(read({ resetsAt: later(NOON, HOUR + 900) })).toBe(true)
  })

  it.each<[string, Partial<Window>]>([
    ['another share', { utilization: 0.41 }],
    ['another word', { status: 'allowed_warning' }],
    ['another end', { resetsAt: later(NOON, 2 * HOUR) }],
    ['another window', { name: '7d' }],
    ['the same after a while', { readAt: later(NOON, 5_000) }],
  ])('is news when it says %s', (_what, change) => expect(read(change)).toBe(false))
})
