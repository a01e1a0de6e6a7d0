/** The pool’s limits in the vendor’s two shapes, whose units differ: fractions and seconds, percents and dates. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON } from '../../../test/support/samples.ts'
import type { PoolLimits, PoolWindow } from '../../core/pool-limits.ts'
import { DAY, HOUR, later, SECOND } from '../../core/time.ts'
import { writeSpentLimits, writeUnifiedLimits, writeUsage } from './limits.ts'

const PREFIX = 'anthropic-ratelimit-unified-'
const FIVE_HOURS: PoolWindow = {
  name: '5h',
  utilization: 0.42,
  resetsAt: later(NOON, HOUR),
  status: 'allowed',
}
const WEEK: PoolWindow = {
  name: '7d',
  utilization: 0.913,
  resetsAt: later(NOON, 3 * DAY),
  status: 'allowed_warning',
}
const POOL: PoolLimits = { status: 'allowed_warning', tightest: WEEK, windows: [FIVE_HOURS, WEEK] }

describe('headers', () => {
  it('say fractions and epoch seconds, the tightest window first (`wire.md` §1.7)', () => {
    expect(writeUnifiedLimits(POOL)).toEqual([
      [`${PREFIX}status`, 'allowed_warning'],
      [`${PREFIX}reset`, '1795435200'],
      [`${PREFIX}representative-claim`, 'seven_day'],
      [`${PREFIX}5h-status`, 'allowed'],
      [`${PREFIX}5h-utilization`, '0.42'],
      [`${PREFIX}5h-reset`, '1795179600'],
      [`${PREFIX}7d-status`, 'allowed_warning'],
      [`${PREFIX}7d-utilization`, '0.913'],
      [`${PREFIX}7d-reset`, '1795435200'],
      [`${PREFIX}7d-surpassed-threshold`, '0.90'],
    ])
  })

  it('name no end that nobody named', () => {
    const { resetsAt: _, ...open } = FIVE_HOURS
    const names = written({ ...open, resetsAt: undefined }).map(([name]) => name)
    expect(names).not.toContain(`${PREFIX}reset`)
    expect(names).not.toContain(`${PREFIX}5h-reset`)
  })

  it.each([
    [0, undefined],
    [0.7499, undefined],
    [0.75, '0.75'],
    [0.8999, '0.75'],
    [0.9, '0.90'],
    [0.9999, '0.90'],
    [1, '1.00'],
  ])('of %d used name the threshold %p', (utilization, threshold) => {
    const headers = new Map(written({ ...FIVE_HOURS, utilization }))
    expect(headers.get(`${PREFIX}5h-surpassed-threshold`)).toBe(threshold)
  })

  it('round to a hundredth of a percent, and to whole seconds', () => {
    const headers = new Map(written({ ...FIVE_HOURS, utilization: 1 / 3, resetsAt: later(NOON, 1_499) }))
    expect(headers.get(`${PREFIX}5h-utilization`)).toBe('0.3333')
    expect(headers.get(`${PREFIX}5h-reset`)).toBe(String(NOON / SECOND + 1))
  })

  it('are plain numbers and words, whatever the pool', () => {
    const windows = fc.record({
      name: fc.constantFrom('5h' as const, '7d' as const),
      utilization: fc.double({ min: 0, max: 1, noNaN: true }),
      resetsAt: fc.option(
        fc.integer({ min: 0, max: 7 * DAY }).map((ms) => later(NOON, ms)),
        { nil: undefined },
      ),
      status: fc.constantFrom('allowed' as const, 'allowed_warning' as const, 'rejected' as const),
    })
    fc.assert(
      fc.property(windows, (window) => {
        for (const [name, value] of written(window)) {
          expect(name).toMatch(/^anthropic-ratelimit-unified-[a-z0-9-]+$/)
          expect(value).toMatch(/^(?:\d+(?:\.\d{1,4})?|[a-z_]+)$/)
        }
      }),
    )
  })
})

describe('headers for a request that nobody can take', () => {
  it('say so first, and until when, whatever the windows say', () => {
    const spent: PoolLimits = { ...POOL, status: 'rejected' }
    const until = later(NOON, 90 * 60 * SECOND)
    const headers = writeSpentLimits(spent, until)
    expect(headers.slice(0, 2)).toEqual([
      [`${PREFIX}status`, 'rejected'],
      [`${PREFIX}reset`, String(until / SECOND)],
    ])
    expect(new Map(headers).get(`${PREFIX}representative-claim`)).toBe('seven_day')
    expect(new Set(headers.map(([name]) => name)).size).toBe(headers.length)
  })
})

describe('the answer of the usage endpoint', () => {
  it('says percents and dates (`wire.md` §2.6)', () => {
    expect(JSON.parse(writeUsage(POOL))).toMatchObject({
      five_hour: { utilization: 42, resets_at: '2026-11-20T13:00:00.000Z' },
      seven_day: { utilization: 91.3, resets_at: '2026-11-23T12:00:00.000Z' },
      seven_day_opus: null,
      seven_day_sonnet: null,
      extra_usage: { is_enabled: false },
      limits: [
        { kind: 'session', group: 'session', percent: 42, severity: 'normal', scope: null },
        { kind: 'weekly_all', group: 'weekly', percent: 91.3, severity: 'warning', scope: null },
      ],
    })
  })

  it('says null for a window that nobody has told of, and for an end that nobody has named', () => {
    const { resetsAt: _, ...open } = FIVE_HOURS
    const only: PoolWindow = { ...open, resetsAt: undefined }
    const usage = JSON.parse(writeUsage({ status: 'allowed', tightest: only, windows: [only] }))
    expect([usage.five_hour, usage.seven_day]).toEqual([{ utilization: 42, resets_at: null }, null])
    expect(usage.limits).toHaveLength(1)
  })

  it('says nothing in the same shape where there is nothing to tell', () => {
    const usage = JSON.parse(writeUsage(undefined))
    expect([usage.five_hour, usage.seven_day, usage.limits]).toEqual([null, null, []])
  })

  it('calls a spent window critical', () => {
    const spent: PoolWindow = { ...FIVE_HOURS, utilization: 1, status: 'rejected' }
    const usage = JSON.parse(writeUsage({ status: 'rejected', tightest: spent, windows: [spent] }))
    expect(usage.limits[0]).toMatchObject({ percent: 100, severity: 'critical' })
  })
})

const written = (window: PoolWindow) =>
  writeUnifiedLimits({ status: window.status, tightest: window, windows: [window] })
