/** What each kind of rule finds in the facts of a moment, and in which words. */
import { describe, expect, it } from 'bun:test'
import { NOON } from '../../../test/support/samples.ts'
import type { Window } from '../limits.ts'
import { HOUR, later, MINUTE } from '../time.ts'
import type { AccountFact, BudgetFact, Facts } from './facts.ts'
import type { SeenWindow } from './finding.ts'
import { findingsOf } from './findings.ts'
import type { AlertRule, Condition, Scope } from './rule.ts'
import { type TrafficSlice, timelineOf } from './traffic.ts'

describe('an account’s state', () => {
  const when: Condition = { kind: 'account-state', states: ['cooling'], forMs: 30 * MINUTE }

  it.each([
    ['ready', { kind: 'ready' }, false],
    ['cooling for as long as was said', { kind: 'cooling', since: later(NOON, -30 * MINUTE) }, true],
    ['cooling for less', { kind: 'cooling', since: later(NOON, -29 * MINUTE) }, false],
    ['in another state', { kind: 'needs-login', since: later(NOON, -HOUR) }, false],
    ['cooling since a moment to come', { kind: 'cooling', since: later(NOON, HOUR) }, false],
  ] as const)('%s', (_what, state, isSo) => {
    expect(found(when, { accounts: [account({ state })] })).toMatchObject([{ subject: 'id-a', isSo }])
  })

  it('says why, for how long and what to do', () => {
    const state = {
      kind: 'cooling',
      since: later(NOON, -2 * HOUR),
      reason: 'its 5h window is spent',
      remedy: 'Wait.',
    } as const
    const [finding] = found(when, { accounts: [account({ state })] })
    expect(finding?.message).toBe('Account a is set aside for 2 h: its 5h window is spent. Wait.')
  })

  it('is looked at within its scope', () => {
    const accounts = [
      account({ id: '1', groups: ['work'] }),
      account({ id: '2' }),
      account({ id: '3', groups: ['work'] }),
    ]
    const subjects = (scope: Scope) => found(when, { accounts }, { scope }).map(({ subject }) => subject)
    expect(subjects({})).toEqual(['1', '2', '3'])
    expect(subjects({ account: '2' })).toEqual(['2'])
    expect(subjects({ group: 'work' })).toEqual(['1', '3'])
    expect(subjects({ group: 'work', account: '2' })).toEqual([])
  })
})

describe('a window', () => {
  const when: Condition = { kind: 'window-above', window: undefined, share: 0.8 }

  it.each([
    ['used by more', { utilization: 0.81 }, true],
    ['used by just that', { utilization: 0.8 }, false],
    ['not read since it began anew', { utilization: 0.99, resetsAt: later(NOON, -1) }, false],
    ['of unknown use', {}, undefined],
  ])('%s', (_what, fields, isSo) => {
    expect(found(when, { accounts: [account({ windows: [window(fields)] })] })).toMatchObject([{ isSo }])
  })

  it('that refills within a minute is none, unless it is named', () => {
    const accounts = [account({ windows: [window({ name: 'requests/min', utilization: 1 })] })]
    expect(found(when, { accounts })).toEqual([])
    expect(found({ ...when, window: 'requests/min' }, { accounts })).toMatchObject([{ isSo: true }])
  })

  it('is one of several, each for itself', () => {
    const windows = [window({ utilization: 0.9 }), window({ name: '7d', utilization: 0.1 })]
    expect(found(when, { accounts: [account({ windows })] })).toMatchObject([
      {
        subject: 'id-a 5h',
        isSo: true,
        message: 'The 5h window of account a is used by 90 %; it begins anew in 60 min.',
      },
      { subject: 'id-a 7d', isSo: false },
    ])
  })
})

describe('a window’s reset', () => {
  const when: Condition = { kind: 'window-reset', window: '5h', share: 0.5 }
  const before: SeenWindow = { resetsAt: later(NOON, HOUR), used: 0.9 }
  const reset = (fields: Partial<Window>, seen?: SeenWindow) => {
    const [finding] = found(when, { accounts: [account({ windows: [window(fields)] })] }, { seen })
    return finding
  }

  it.each([
    ['seen for the first time', { utilization: 0.9 }, undefined, false],
    ['its end has passed', { utilization: 0.9, resetsAt: NOON }, { ...before, resetsAt: NOON }, true],
    ['read anew with a later end', { utilization: 0.01, resetsAt: later(NOON, 5 * HOUR) }, before, true],
    ['its end jitters', { utilization: 0.91, resetsAt: later(NOON, HOUR + 3_000) }, before, false],
    [
      'its end slides and its use stays',
      { utilization: 0.88, resetsAt: later(NOON, 2 * HOUR) },
      before,
      false,
    ],
    [
      'it was hardly used',
      { utilization: 0, resetsAt: later(NOON, 5 * HOUR) },
      { ...before, used: 0.4 },
      false,
    ],
  ])('%s', (_what, fields, seen, isSo) => {
    expect(reset(fields, seen)).toMatchObject({ isSo, isMoment: true })
  })

  it('is told once: what was seen is forgotten until the window is read again', () => {
    const passed = reset({ utilization: 0.9, resetsAt: NOON }, { ...before, resetsAt: NOON })
    expect(passed?.seen?.used).toBe(0)
    expect(reset({ utilization: 0.9, resetsAt: NOON }, passed?.seen)).toMatchObject({ isSo: false })
  })
})

describe('the pool', () => {
  const when: Condition = { kind: 'runway-below', ms: HOUR }

  it.each([
    ['safe for less', { kind: 'safe', until: later(NOON, 59 * MINUTE) }, true],
    ['safe for longer', { kind: 'safe', until: later(NOON, HOUR) }, false],
    ['safe as far as can be seen', { kind: 'safe', until: undefined }, false],
    ['out', { kind: 'out', until: later(NOON, 2 * HOUR) }, true],
    ['not known', { kind: 'unknown' }, undefined],
  ] as const)('%s', (_what, runway, isSo) => {
    expect(found(when, { runway })).toMatchObject([{ subject: 'pool', isSo }])
  })
})

describe('a budget', () => {
  const when: Condition = { kind: 'budget-above', share: 0.8 }
  const budget = (fields: Partial<BudgetFact>): BudgetFact => ({
    name: 'key ci',
    key: 'id-ci',
    used: 9,
    limit: 10,
    unit: 'USD',
    period: 'day',
    ...fields,
  })

  it('is told when more than the share of it is used', () => {
    expect(found(when, { budgets: [budget({}), budget({ used: 8, period: 'week' })] })).toMatchObject([
      {
        subject: 'key ci day',
        isSo: true,
        value: 0.9,
        message: 'The budget of key ci for the day is used by 90 %: $9.00 of $10.00.',
      },
      { subject: 'key ci week', isSo: false },
    ])
  })

  it('is one of a key or of a group, and of tokens too', () => {
    const budgets = [
      budget({ unit: 'tokens', used: 900, limit: 1_000 }),
      budget({ name: 'pool default, group work', group: 'work' }),
    ]
    const names = (scope: Scope) => found(when, { budgets }, { scope }).map(({ message }) => message)
    expect(names({ key: 'id-ci' })).toEqual([
      'The budget of key ci for the day is used by 90 %: 900 tokens of 1000 tokens.',
      'The budget of pool default, group work for the day is used by 90 %: $9.00 of $10.00.',
    ])
    expect(names({ group: 'work' })).toHaveLength(1)
  })
})

describe('traffic', () => {
  const errors: Condition = { kind: 'error-rate', share: 0.25, overMs: 15 * MINUTE, atLeast: 20 }

  it.each([
    ['more fail than may', [slice({ requests: 20, failed: 6 })], true],
    ['just as many', [slice({ requests: 20, failed: 5 })], false],
    ['too few to say', [slice({ requests: 19, failed: 19 })], undefined],
    ['none at all', [], false],
    [
      'they failed longer ago',
      [slice({ requests: 20, failed: 20, minutesAgo: 20 }), slice({ requests: 20 })],
      false,
    ],
    [
      'over several slices',
      [slice({ requests: 15, failed: 5 }), slice({ requests: 10, failed: 5, minutesAgo: 10 })],
      true,
    ],
  ])('errors: %s', (_what, slices, isSo) => {
    expect(found(errors, { slices })).toMatchObject([{ isSo }])
  })

  it('is of an account, a group, a key, a model or its family', () => {
    const slices = [
      slice({ requests: 20, failed: 20, account: '1', key: 'k', model: 'claude-opus-5' }),
      slice({ requests: 80, account: '2', model: 'claude-haiku-5-5' }),
    ]
    const isSo = (scope: Scope) =>
      found(errors, { slices, accounts: [account({ id: '1', groups: ['g'] })] }, { scope })[0]?.isSo
    expect(isSo({})).toBe(false)
    for (const scope of [
      { account: '1' },
      { group: 'g' },
      { key: 'k' },
      { model: 'claude-opus-5' },
      { model: 'opus' },
    ])
      expect(isSo(scope)).toBe(true)
    expect(isSo({ account: '2' })).toBe(false)
    expect(isSo({ account: '1', model: 'haiku' })).toBe(false)
  })

  it('spending is by the hour', () => {
    const when: Condition = { kind: 'spend-above', usdPerHour: 5 }
    const spent = [
      slice({ costUsd: 3 }),
      slice({ costUsd: 2.5, minutesAgo: 50 }),
      slice({ costUsd: 90, minutesAgo: 65 }),
    ]
    expect(found(when, { slices: spent })).toMatchObject([{ isSo: true, value: 5.5 }])
    expect(found({ ...when, usdPerHour: 5.5 }, { slices: spent })).toMatchObject([{ isSo: false }])
  })

  it('caches hit less than was said, or less than the day before', () => {
    const now = slice({ promptTokens: 1_000, cacheReadTokens: 500 })
    const yesterday = slice({ promptTokens: 10_000, cacheReadTokens: 9_000, minutesAgo: 12 * 60 })
    const when = {
      kind: 'cache-hit',
      below: undefined,
      fallsBy: undefined,
      overMs: HOUR,
      atLeast: 1_000,
    } as const
    const isSo = (fields: { below?: number; fallsBy?: number; atLeast?: number }, slices: TrafficSlice[]) =>
      found({ ...when, ...fields }, { slices })[0]?.isSo
    expect(isSo({ below: 0.51 }, [now])).toBe(true)
    expect(isSo({ below: 0.5 }, [now])).toBe(false)
    expect(isSo({ fallsBy: 0.3 }, [yesterday, now])).toBe(true)
    expect(isSo({ fallsBy: 0.45 }, [yesterday, now])).toBe(false)
    expect(isSo({ fallsBy: 0.3 }, [now])).toBe(false)
    expect(isSo({ below: 0.51, atLeast: 1_001 }, [now])).toBeUndefined()
    const older = slice({
      promptTokens: 10_000,
      cacheReadTokens: 9_000,
      minutesAgo: (25 * HOUR + 10 * MINUTE) / MINUTE,
    })
    expect(isSo({ fallsBy: 0.3 }, [older, now])).toBe(false)
  })
})

interface Given extends Partial<Omit<Facts, 'traffic'>> {
  readonly slices?: readonly TrafficSlice[]
}

function found(
  when: Condition,
  { slices = [], accounts = [], ...rest }: Given,
  { scope = {}, seen }: { readonly scope?: Scope; readonly seen?: SeenWindow | undefined } = {},
) {
  const facts: Facts = {
    accounts,
    budgets: [],
    runway: { kind: 'unknown' },
    traffic: (wanted) =>
      timelineOf(slices, wanted, (id, group) =>
        accounts.some((each) => each.id === id && each.groups.includes(group)),
      ),
    ...rest,
  }
  const rule: AlertRule = {
    id: 'rule',
    name: 'rule',
    when,
    scope,
    severity: 'warning',
    isEnabled: true,
    cooldownMs: 0,
    mutedUntil: undefined,
    channels: undefined,
    createdAt: NOON,
  }
  return findingsOf(rule, facts, () => seen, NOON)
}

const account = (fields: Partial<AccountFact>): AccountFact => ({
  id: 'id-a',
  name: 'a',
  groups: [],
  state: { kind: 'ready' },
  windows: [],
  ...fields,
})

const window = (fields: Partial<Window>): Window => ({
  name: '5h',
  resetsAt: later(NOON, HOUR),
  readAt: later(NOON, -MINUTE),
  ...fields,
})

/** Of the five minutes before noon, or so many minutes earlier. */
const slice = ({
  minutesAgo = 5,
  ...fields
}: Partial<TrafficSlice> & { readonly minutesAgo?: number }): TrafficSlice => ({
  at: later(NOON, -minutesAgo * MINUTE),
  account: undefined,
  key: undefined,
  model: undefined,
  requests: 0,
  failed: 0,
  costUsd: 0,
  promptTokens: 0,
  cacheReadTokens: 0,
  ...fields,
})
