/**
 * What would have fired is what did: made-up weeks are lived through with a live watch, and then
 * previewed from what a ledger, readings and events remember of them.
 */
import { describe, expect, it } from 'bun:test'
import { createDice } from '../../../test/support/random.ts'
import { idOf, NOON, sampleAccount, sampleRow } from '../../../test/support/samples.ts'
import { evaluate, type Memory } from '../../core/alerts/evaluate.ts'
import type { AlertRule, Condition } from '../../core/alerts/rule.ts'
import {
  NO_TRAFFIC,
  plusTraffic,
  SLICE_MS,
  sliceOf,
  type TrafficSlice,
  timelineOf,
} from '../../core/alerts/traffic.ts'
import { reachOf } from '../../core/alerts/traffic-findings.ts'
import type { AccountEvent } from '../../core/event.ts'
import type { LedgerRow, Outcome } from '../../core/ledger.ts'
import type { StoredEvent, StoredReading } from '../../core/ports/stores.ts'
import { DAY, HOUR, later, MINUTE, type Millis } from '../../core/time.ts'
import { type PreviewSources, preview } from './preview.ts'
import { createTally } from './tally.ts'

const FROM = later(NOON, -DAY)
const A = sampleAccount('a', { groups: ['work'] })

const TRAFFIC: readonly (readonly [string, Condition])[] = [
  ['errors', { kind: 'error-rate', share: 0.3, overMs: 15 * MINUTE, atLeast: 5 }],
  ['spending', { kind: 'spend-above', usdPerHour: 6 }],
  ['caches', { kind: 'cache-hit', below: 0.4, fallsBy: 0.2, overMs: 30 * MINUTE, atLeast: 500 }],
]

describe.each(TRAFFIC)('a rule about %s', (_what, when) => {
  it.each([1, 2, 3])('would have fired when it did (week %d)', async (seed) => {
    const rule = ruleOf(when)
    const rows = rowsOf(seed)
    const live = liveEvents(rule, rows)
    const found = await preview(rule, 1, sourcesOf({ rows }))
    expect(found.alerts.map(({ firedAt }) => firedAt)).toEqual(live.toReversed())
    expect(live.length).toBeGreaterThan(0)
  })
})

describe('a rule about accounts', () => {
  const state = (when: Partial<Extract<Condition, { kind: 'account-state' }>>): AlertRule =>
    ruleOf({ kind: 'account-state', states: ['cooling'], forMs: 0, ...when })

  it('would have fired from events, and been over when they said so', async () => {
    const events: readonly AccountEvent[] = [
      {
        at: later(FROM, HOUR),
        kind: 'cooling',
        scope: 'account',
        cause: 'window-spent',
        evidence: 'spent',
        until: later(FROM, 4 * HOUR),
      },
      {
        at: later(FROM, 2 * HOUR),
        kind: 'cooling',
        scope: 'family:opus',
        cause: 'family-spent',
        evidence: 'spent',
        until: NOON,
      },
      { at: later(FROM, 3 * HOUR), kind: 'recovered', scope: 'account', cause: 'window-spent' },
    ]
    const { alerts } = await preview(state({ forMs: HOUR }), 1, sourcesOf({ events }))
    expect(alerts).toMatchObject([
      {
        firedAt: later(FROM, 2 * HOUR),
        resolvedAt: later(FROM, 3 * HOUR + 5 * MINUTE),
        message: expect.stringContaining('for 60 min: spent'),
      },
    ])
    expect((await preview(state({ forMs: 3 * HOUR }), 1, sourcesOf({ events }))).alerts).toEqual([])
  })

  it('would still be where nothing has ended it', async () => {
    const events: readonly AccountEvent[] = [
      { at: later(FROM, -DAY), kind: 'needs-login', evidence: 'its grant is gone' },
    ]
    const { alerts } = await preview(state({ states: ['needs-login'] }), 1, sourcesOf({ events }))
    expect(alerts).toMatchObject([{ firedAt: FROM, resolvedAt: undefined }])
  })

  it('says nothing of one that was paused', async () => {
    const events: readonly AccountEvent[] = [
      { at: later(FROM, HOUR), kind: 'paused' },
      { at: later(FROM, HOUR), kind: 'needs-login', evidence: 'gone' },
    ]
    expect((await preview(state({ states: ['needs-login'] }), 1, sourcesOf({ events }))).alerts).toEqual([])
  })
})

describe('a rule about windows', () => {
  const resetsAt = later(FROM, 6 * HOUR)
  const readings = [0.5, 0.85, 0.95].map((utilization, index) =>
    reading(later(FROM, (index + 1) * HOUR), utilization, resetsAt),
  )

  it('would have fired when a reading was above, and been over at the reset', async () => {
    const { alerts } = await preview(
      ruleOf({ kind: 'window-above', window: '5h', share: 0.8 }),
      1,
      sourcesOf({ readings }),
    )
    expect(alerts).toMatchObject([
      { firedAt: later(FROM, 2 * HOUR), resolvedAt: later(resetsAt, 5 * MINUTE) },
    ])
  })

  it('would have told the reset, once', async () => {
    const { alerts } = await preview(
      ruleOf({ kind: 'window-reset', window: undefined, share: 0.5 }),
      1,
      sourcesOf({ readings }),
    )
    expect(alerts).toMatchObject([
      { firedAt: resetsAt, resolvedAt: resetsAt, message: expect.stringContaining('after 95 %') },
    ])
  })
})

it('a rule about the pool would have fired while nobody could take requests', async () => {
  const events: readonly AccountEvent[] = [
    {
      at: later(FROM, 10 * HOUR),
      kind: 'cooling',
      scope: 'account',
      cause: 'billing',
      evidence: 'no credit',
      until: later(NOON, DAY),
    },
    { at: later(FROM, 13 * HOUR), kind: 'cleared', scope: 'account' },
  ]
  const { alerts } = await preview(ruleOf({ kind: 'runway-below', ms: HOUR }), 1, sourcesOf({ events }))
  expect(alerts).toMatchObject([
    { firedAt: later(FROM, 10 * HOUR), message: expect.stringMatching(/^No account/) },
  ])
})

it('a rule about a budget would have fired on the day that it was used up, and been over at midnight', async () => {
  const midnight = later(NOON, -12 * HOUR)
  const rows = [1, 2, 3].map((number) =>
    sampleRow(number, { startedAt: later(midnight, (number - 4) * HOUR), costUsd: 2 }),
  )
  const budgets = [{ name: 'pool default, group work', group: 'work', usdPerDay: 5 }]
  const { alerts } = await preview(
    ruleOf({ kind: 'budget-above', share: 0.9 }),
    1,
    sourcesOf({ rows, budgets }),
  )
  expect(alerts).toMatchObject([
    { firedAt: later(midnight, -HOUR + SLICE_MS), resolvedAt: later(midnight, 5 * MINUTE) },
  ])
})

/** Looks every five minutes at what was booked by then, as the server does more often. */
function liveEvents(rule: AlertRule, rows: readonly LedgerRow[]): readonly Millis[] {
  const tally = createTally()
  tally.begin(later(FROM, -2 * DAY), reachOf(rule.when))
  const waiting = [...rows]
  const fired: Millis[] = []
  let memory: Memory = new Map()
  const moments = Array.from({ length: DAY / SLICE_MS + 1 }, (_, index) => later(FROM, index * SLICE_MS))
  for (const now of moments) {
    while (waiting[0] !== undefined && endOf(waiting[0]) < now) {
      const [row] = waiting.splice(0, 1)
      if (row !== undefined) tally.booked(row)
    }
    const slices = tally.slices()
    const facts = {
      accounts: [],
      budgets: [],
      runway: { kind: 'unknown' },
      traffic: () => timelineOf(slices, rule.scope, () => true),
    } as const
    const step = evaluate([rule], facts, memory, now)
    memory = step.memory
    fired.push(...step.events.flatMap(({ kind, at }) => (kind === 'fired' ? at : [])))
  }
  return fired
}

const endOf = ({ startedAt, durationMs }: LedgerRow): Millis => later(startedAt, durationMs)

const BAD: readonly Outcome[] = ['upstream-error', 'refused', 'truncated', 'aborted', 'client-error']

/** Two days of traffic with bad spells, in the order in which it ended. */
function rowsOf(seed: number): readonly LedgerRow[] {
  const dice = createDice(seed)
  const rows = Array.from({ length: 1_500 }, (_, number) => {
    const startedAt = later(FROM, -DAY + dice.below(2 * DAY))
    const isBad = Math.floor(startedAt / (3 * HOUR)) % 3 === 0
    return sampleRow(number, {
      startedAt,
      durationMs: dice.below(4 * MINUTE),
      outcome: isBad && dice.below(2) === 0 ? (BAD[dice.below(BAD.length)] ?? 'ok') : 'ok',
      costUsd: isBad ? 0.5 : 0.05,
      usage: { inputTokens: isBad ? 400 : 50, cacheReadTokens: 200 },
    })
  })
  return rows.sort((a, b) => endOf(a) - endOf(b))
}

interface Remembered {
  readonly rows?: readonly LedgerRow[]
  readonly events?: readonly AccountEvent[]
  readonly readings?: readonly StoredReading[]
  readonly budgets?: ReturnType<PreviewSources['budgets']>
}

const sourcesOf = ({ rows = [], events = [], readings = [], budgets = [] }: Remembered): PreviewSources => ({
  clock: { now: () => NOON, sleep: async () => {} },
  accounts: { all: () => [A] },
  events: {
    list: async () =>
      events.map((event, index): StoredEvent => ({ id: String(index), ...event })).toReversed(),
  },
  readings: { list: async ({ since, until }) => readings.filter(({ at }) => at >= since && at <= until) },
  traffic: {
    slices: async (since, until) => slicesOf(rows.filter((row) => endOf(row) >= since && endOf(row) < until)),
  },
  budgets: () => budgets,
  tellsUsage: () => false,
})

/** What `storage/traffic` makes of rows; that it does is shown there. */
function slicesOf(rows: readonly LedgerRow[]): readonly TrafficSlice[] {
  return rows.map((row) => {
    const tally = createTally()
    tally.begin(later(row.startedAt, -HOUR), DAY)
    tally.booked(row)
    const sum = tally.slices().reduce((all, slice) => plusTraffic(all, slice), NO_TRAFFIC)
    return { at: sliceOf(endOf(row)), account: idOf('a'), key: undefined, model: undefined, ...sum }
  })
}

const reading = (at: Millis, utilization: number, resetsAt: Millis): StoredReading => ({
  account: A.id,
  window: '5h',
  at,
  utilization,
  resetsAt,
  status: 'allowed',
})

const ruleOf = (when: Condition): AlertRule => ({
  id: 'rule',
  name: 'rule',
  when,
  scope: {},
  severity: 'warning',
  isEnabled: true,
  cooldownMs: 30 * MINUTE,
  mutedUntil: undefined,
  channels: undefined,
  createdAt: NOON,
})
