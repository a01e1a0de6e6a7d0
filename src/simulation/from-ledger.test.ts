/** A ledger as a trace: sizes, caches, what windows are worth, and what is said to be missing. */
import { describe, expect, it } from 'bun:test'
import { NOON } from '../../test/support/samples.ts'
import { DAY, HOUR, later, MINUTE } from '../core/time.ts'
import { actualOf } from './actual.ts'
import type { LedgerReading } from './estimate.ts'
import { type LedgerAccount, type LedgerRequest, traceFromLedger } from './from-ledger.ts'

/** In weighted tokens each: 1,000 written at 1.25, 100 of output at 5. */
const COST = 1_750

describe('requests', () => {
  it('have in their cache what the turn before has put there, while it is warm', () => {
    const { trace } = read({
      requests: [row(0), row(2, { promptTokens: 3_000 }), row(9, { promptTokens: 4_000 })],
    })
    expect(trace.requests.map(({ cachedTokens }) => cachedTokens)).toEqual([0, 1_000, 0])
  })

  it('that were not answered are as large as the one before, and that is said', () => {
    const unanswered = { promptTokens: 0, outputTokens: 0, outcome: 'refused' } as const
    const { trace, notes } = read({ requests: [row(0, { promptTokens: 7_000 }), row(1, unanswered)] })
    expect(trace.requests[1]).toMatchObject({ promptTokens: 7_000, outputTokens: 100 })
    expect(notes).toEqual([
      '1 requests had no answer to count; they are taken to be as large as the one before.',
    ])
  })

  it('that were their clients’ own mistakes are left out', () => {
    const { trace, notes } = read({
      requests: [row(0), row(1, { promptTokens: 0, outcome: 'client-error' })],
    })
    expect(trace.requests).toHaveLength(1)
    expect(notes[0]).toStartWith('1 requests that were their clients’ own mistakes')
  })
})

describe('a window', () => {
  it('is worth what was served between its readings, against how far it moved', () => {
    const requests = Array.from({ length: 10 }, (_, number) =>
      row(number + 1, { conversation: `c${number}` }),
    )
    const { trace, notes } = read({
      requests,
      readings: [reading(0, 0.1), reading(5, 0.2), reading(10, 0.3)],
    })
    expect(trace.accounts[0]?.windows).toMatchObject([{ name: '5h', lengthMs: 5 * HOUR }])
    expect(trace.accounts[0]?.windows[0]?.capacity).toBeCloseTo((10 * COST) / 0.2)
    expect(notes).toEqual([])
  })

  it('that began anew between two readings is not measured over its end', () => {
    const requests = [row(1), row(6, { conversation: 'd' })]
    const readings = [
      reading(0, 0.1),
      reading(5, 0.2),
      reading(7, 0.05, 9 * HOUR),
      reading(8, 0.06, 9 * HOUR),
    ]
    expect(read({ requests, readings }).trace.accounts[0]?.windows[0]?.capacity).toBeCloseTo(COST / 0.11, 0)
  })

  it('begins as it stood, and of a week on its grid', () => {
    const week = { window: '7d', resetsAt: later(NOON, 3 * DAY) }
    const readings = [0.4, 0.5].map((utilization, index) => ({ ...reading(index * 5, utilization), ...week }))
    const { trace } = read({ requests: [row(1)], readings, windows: ['7d'] })
    expect(trace.accounts[0]?.windows[0]).toMatchObject({
      gridFrom: later(NOON, -4 * DAY),
      initial: { used: expect.closeTo(0.4 * (COST / 0.1), 0), endsAt: later(NOON, 3 * DAY) },
    })
  })

  it.each([
    ['hardly ever read', [reading(0, 0.1)], 'it was hardly ever read'],
    ['hardly moved', [reading(0, 0.1), reading(5, 0.12)], 'its utilization moved by 2 % only'],
    [
      'moved by somebody else',
      [reading(6, 0.1), reading(9, 0.5)],
      'nothing that was served explains how it was used',
    ],
  ])('that %s is left out, and that is said', (_, readings, reason) => {
    const { trace, notes } = read({ requests: [row(1)], readings })
    expect(trace.accounts[0]?.windows).toEqual([])
    expect(notes).toEqual([`a is simulated without its 5h window: ${reason}.`])
  })
})

describe('what really happened', () => {
  it('is counted: served, refused, money, and what a change of account has cost', () => {
    const rows = [
      row(0, { costUsd: 1 }),
      row(1, { account: 'b', promptTokens: 1_500, costUsd: 2 }),
      row(2, { account: 'b', promptTokens: 2_000, readTokens: 1_500 }),
      row(3, { outcome: 'refused', promptTokens: 0, account: undefined }),
    ]
    expect(actualOf(rows)).toEqual({
      requests: 4,
      served: 3,
      refused: 1,
      rewrittenTokens: 1_000,
      costUsd: 3,
      switches: 1,
    })
  })
})

const row = (minute: number, fields: Partial<LedgerRequest> = {}): LedgerRequest => ({
  startedAt: later(NOON, minute * MINUTE),
  conversation: 'c',
  model: 'claude-sonnet-5-5',
  class: 'interactive',
  account: 'a',
  outcome: 'ok',
  durationMs: 2_000,
  promptTokens: 1_000,
  readTokens: 0,
  isLongCache: false,
  outputTokens: 100,
  costUsd: undefined,
  ...fields,
})

const reading = (minute: number, utilization: number, resetsInMs = 2 * HOUR): LedgerReading => ({
  account: 'a',
  window: '5h',
  at: later(NOON, minute * MINUTE),
  utilization,
  resetsAt: later(NOON, resetsInMs),
})

interface Given {
  readonly requests: readonly LedgerRequest[]
  readonly readings?: readonly LedgerReading[]
  readonly windows?: readonly string[]
}

function read({ requests, readings = [], windows = readings.length === 0 ? [] : ['5h'] }: Given) {
  const account: LedgerAccount = { name: 'a', priority: 0, weight: 1, tier: 1, groups: [], windows }
  return traceFromLedger({
    startsAt: NOON,
    endsAt: later(NOON, HOUR),
    requests,
    accounts: [account],
    readings,
  })
}
