/** What a provider said of an account: what answers change in it, and what is no news. */
import { describe, expect, it } from 'bun:test'
import { NOON } from '../../test/support/samples.ts'
import type { Limits, Overage } from './limits.ts'
import { type Standing, withLimits } from './standing.ts'
import { DAY, later } from './time.ts'

const KNOWN: Standing = {
  status: 'allowed',
  overage: { inUse: false, status: 'rejected', disabledReason: 'out_of_credits' },
  organization: 'org-1',
  organizationName: 'Acme',
  plan: 'claude_max',
  email: 'dev@acme.test',
}

describe('an answer', () => {
  it('that says nothing of the account changes nothing, and is the very same object', () => {
    expect(read({})).toBe(KNOWN)
  })

  it('that repeats what is known is the very same object', () => {
    expect(read({ status: 'allowed', overage: { ...known }, organization: 'org-1' })).toBe(KNOWN)
  })

  it.each<[string, Partial<Limits>, Partial<Standing>]>([
    ['the provider’s word', { status: 'queueing_soft' }, { status: 'queueing_soft' }],
    ['a word that nobody knows', { status: 'on_fire' }, { status: 'on_fire' }],
    ['the organization', { organization: 'org-2' }, { organization: 'org-2' }],
    [
      'that overage is drawn on',
      { overage: { ...known, inUse: true } },
      { overage: { ...known, inUse: true } },
    ],
    ['why there is no overage', { overage: { inUse: false } }, { overage: { inUse: false } }],
  ])('changes %s, and keeps the rest', (_what, said, changed) => {
    expect(read(said)).toEqual({ ...KNOWN, ...changed })
  })
})

describe('paid overage', () => {
  const drawing: Overage = { inUse: true, status: 'allowed', utilization: 0.4201, resetsAt: later(NOON, DAY) }
  const before: Standing = { ...KNOWN, overage: drawing }

  it('that grows by less than a percent is no news', () => {
    expect(withLimits(before, { windows: [], overage: { ...drawing, utilization: 0.4294 } })).toBe(before)
  })

  it('that grows by more is, so that what people are shown is true', () => {
    const overage = { ...drawing, utilization: 0.97 }
    expect(withLimits(before, { windows: [], overage }).overage).toEqual(overage)
  })

  it('that begins anew has another end', () => {
    const overage = { ...drawing, resetsAt: later(NOON, 31 * DAY) }
    expect(withLimits(before, { windows: [], overage }).overage).toEqual(overage)
  })
})

const known: Overage = { inUse: false, status: 'rejected', disabledReason: 'out_of_credits' }

function read(limits: Partial<Limits>): Standing {
  return withLimits(KNOWN, { windows: [], ...limits })
}
