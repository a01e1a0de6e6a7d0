/** What is counted of requests, and that no client can add labels of its own. */
import { describe, expect, it } from 'bun:test'
import { sampleAccount, sampleRow } from '../../test/support/samples.ts'
import type { LedgerRow } from '../core/ledger.ts'
import { NO_USAGE } from '../core/usage.ts'
import { createMetrics, type Metrics } from './metrics.ts'

const WHERE = 'account="work",model="claude-sonnet-5-5"'

describe('a request', () => {
  it('is counted by account, model, outcome and status', () => {
    const metrics = create()
    metrics.booked(row({}))
    metrics.booked(row({}))
    metrics.booked(row({ outcome: 'client-error', status: 400 }))
    expect(linesOf(metrics, 'spillway_requests_total')).toEqual([
      `spillway_requests_total{${WHERE},outcome="ok",status="200"} 2`,
      `spillway_requests_total{${WHERE},outcome="client-error",status="400"} 1`,
    ])
  })

  it('adds up its tokens, writes of five minutes and of one hour apart', () => {
    const metrics = create()
    const usage = {
      ...NO_USAGE,
      inputTokens: 1,
      outputTokens: 20,
      cacheReadTokens: 300,
      cacheWrite5mTokens: 4_000,
      cacheWrite1hTokens: 50_000,
    }
    metrics.booked(row({ usage }))
    metrics.booked(row({ usage }))
    expect(linesOf(metrics, 'spillway_tokens_total')).toEqual([
      `spillway_tokens_total{${WHERE},kind="input"} 2`,
      `spillway_tokens_total{${WHERE},kind="output"} 40`,
      `spillway_tokens_total{${WHERE},kind="cache-read"} 600`,
      `spillway_tokens_total{${WHERE},kind="cache-write-5m"} 8000`,
      `spillway_tokens_total{${WHERE},kind="cache-write-1h"} 100000`,
    ])
  })

  it('adds up its cost, and is counted as unpriced where that is unknown', () => {
    const metrics = create()
    metrics.booked(row({ costUsd: 0.25 }))
    metrics.booked(row({ costUsd: 0.5 }))
    metrics.booked(row({ costUsd: undefined }))
    expect(linesOf(metrics, 'spillway_cost_usd_total')).toEqual([`spillway_cost_usd_total{${WHERE}} 0.75`])
    expect(linesOf(metrics, 'spillway_unpriced_requests_total')).toEqual([
      `spillway_unpriced_requests_total{${WHERE}} 1`,
    ])
  })

  it('is timed in seconds', () => {
    const metrics = create()
    metrics.booked(row({ ttftMs: 300, durationMs: 7_000 }))
    metrics.booked(row({ ttftMs: undefined, durationMs: 9_000 }))
    const text = metrics.text()
    expect(text).toContain(`spillway_ttft_seconds_bucket{${WHERE},le="0.25"} 0\n`)
    expect(text).toContain(`spillway_ttft_seconds_bucket{${WHERE},le="0.5"} 1\n`)
    expect(text).toContain(`spillway_ttft_seconds_count{${WHERE}} 1\n`)
    expect(text).toContain(`spillway_duration_seconds_sum{${WHERE}} 16\n`)
  })

  it('that nobody served is counted under nobody', () => {
    const metrics = create()
    metrics.booked(row({ account: undefined, servedModel: undefined, outcome: 'refused', status: 429 }))
    expect(linesOf(metrics, 'spillway_requests_total')).toEqual([
      'spillway_requests_total{account="none",model="none",outcome="refused",status="429"} 1',
    ])
  })
})

describe('a model', () => {
  it.each([
    ['claude-sonnet-5-5', 'claude-sonnet-5-5'],
    ['anthropic/claude-opus-5.5', 'claude-opus-5-5'],
    ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-5'],
    ['glm-5', 'other'],
    ['"} 1\nevil 1', 'other'],
    ['', 'other'],
  ])('%j is counted as %s', (servedModel, label) => {
    const metrics = create()
    metrics.booked(row({ servedModel }))
    expect(metrics.text()).toContain(`model="${label}",outcome="ok"`)
  })

  it('that clients invent adds no label, however many there are', () => {
    const metrics = create()
    for (let index = 0; index < 3_000; index++) metrics.booked(row({ servedModel: `invented-${index}` }))
    expect(linesOf(metrics, 'spillway_requests_total')).toEqual([
      'spillway_requests_total{account="work",model="other",outcome="ok",status="200"} 3000',
    ])
  })
})

describe('a failover', () => {
  const attempts = [
    { account: 'home', ms: 5, status: 500 },
    { account: 'work', ms: 5, status: 200 },
  ]

  it('is counted from the account first tried to the one that served', () => {
    const metrics = create()
    metrics.booked(row({ attempts }))
    expect(linesOf(metrics, 'spillway_failovers_total')).toEqual([
      'spillway_failovers_total{from="home",to="work"} 1',
    ])
  })

  it('is none where the request failed all the same, or stayed where it was', () => {
    const metrics = create()
    metrics.booked(row({ attempts, outcome: 'upstream-error' }))
    metrics.booked(row({}))
    expect(linesOf(metrics, 'spillway_failovers_total')).toEqual([])
  })
})

describe('the gateway', () => {
  it('counts attempts by what came of them', () => {
    const metrics = create()
    const work = sampleAccount('work')
    metrics.attempted(work, undefined)
    metrics.attempted(work, 'server-error')
    metrics.attempted(work, 'server-error')
    expect(linesOf(metrics, 'spillway_attempts_total')).toEqual([
      'spillway_attempts_total{account="work",result="answered"} 1',
      'spillway_attempts_total{account="work",result="server-error"} 2',
    ])
  })

  it('counts those turned away at the door, by the reason', () => {
    const metrics = create()
    metrics.rejected('unauthenticated')
    expect(linesOf(metrics, 'spillway_rejected_total')).toEqual([
      'spillway_rejected_total{reason="unauthenticated"} 1',
    ])
  })

  it('shows what is under way', () => {
    const metrics = create()
    metrics.begun()
    metrics.begun()
    metrics.ended()
    expect(linesOf(metrics, 'spillway_in_flight')).toEqual(['spillway_in_flight 1'])
  })

  it('reads its gauges when it is asked', () => {
    const text = create().text()
    expect(text).toContain('spillway_account_ready{account="work"} 1\n')
    expect(text).toContain('spillway_ledger_waiting 3\n')
    expect(text).toContain('spillway_ledger_lost 2\n')
    expect(text).toContain('spillway_log_lines_dropped 1\n')
  })

  it('names every family once, each with its help and its type', () => {
    const metrics = create()
    metrics.booked(row({}))
    const text = metrics.text()
    const helps = [...text.matchAll(/^# HELP (\S+) \S/gm)].map(([, name]) => name)
    const types = [...text.matchAll(/^# TYPE (\S+) (?:counter|gauge|histogram)$/gm)].map(([, name]) => name)
    expect(helps.length).toBeGreaterThan(10)
    expect(types).toEqual(helps)
    expect(new Set(helps).size).toBe(helps.length)
  })
})

function create(): Metrics {
  return createMetrics({
    accounts: () => [[['work'], 1]],
    windows: () => [[['work', '5h'], 0.42]],
    tokens: () => [[['work'], 3600]],
    waiting: () => [[['interactive'], 4]],
    ledger: () => ({ waiting: 3, lost: 2 }),
    logLinesDropped: () => 1,
  })
}

function linesOf(metrics: Metrics, family: string): readonly string[] {
  return metrics
    .text()
    .split('\n')
    .filter((line) => line.startsWith(`${family}{`) || line.startsWith(`${family} `))
}

function row(change: Partial<LedgerRow>): LedgerRow {
  return sampleRow(1, { account: 'work', attempts: [{ account: 'work', status: 200, ms: 5 }], ...change })
}
