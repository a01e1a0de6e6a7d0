/**
 * What the gateway measures of itself: requests, tokens, cost, attempts, failovers, times
 * and what is in flight. Counting happens with every request, so it is one look-up and some
 * additions; texts are made when somebody asks. Must not ask the request path anything, and
 * must not take a client's text as a label.
 */
import type { Account } from '../core/account.ts'
import type { LedgerRow } from '../core/ledger.ts'
import { type Cell, count, createCells, SEPARATOR, type Tally, toSamples } from './cells.ts'
import { type Histogram, type Samples, writeFamily, writeHistogram } from './exposition.ts'

export interface Metrics {
  begun(): void
  ended(): void
  attempted(account: Account, failure: string | undefined): void
  rejected(reason: string): void
  /** The gateway's own traffic: never counted among requests (G14). */
  renewed(account: Account, result: string): void
  polled(account: Account, result: string): void
  booked(row: LedgerRow): void
  ranAway(kind: string, action: string): void
  keyRefused(key: string, limit: string): void
  text(): string
}

export interface Gauges {
  /** Account name → 1 if it is ready, else 0. */
  readonly accounts: () => Samples
  /** Account name and window → the share that is used. */
  readonly windows: () => Samples
  /** Account name → seconds until its token ends. */
  readonly tokens: () => Samples
  /** Class of work → requests in the waiting line. */
  readonly waiting: () => Samples
  readonly ledger: () => { readonly waiting: number; readonly lost: number }
  readonly logLinesDropped: () => number
}

export function createMetrics(gauges: Gauges): Metrics {
  const cells = createCells()
  const attempts: Tally = new Map()
  const failovers: Tally = new Map()
  const rejected: Tally = new Map()
  const renewals: Tally = new Map()
  const polls: Tally = new Map()
  const runaways: Tally = new Map()
  const keyRefusals: Tally = new Map()
  let inFlight = 0
  return {
    begun() {
      inFlight++
    },
    ended() {
      inFlight--
    },
    attempted: ({ name }, failure = 'answered') => count(attempts, name + SEPARATOR + failure),
    rejected: (reason) => count(rejected, reason),
    renewed: ({ name }, result) => count(renewals, name + SEPARATOR + result),
    polled: ({ name }, result) => count(polls, name + SEPARATOR + result),
    keyRefused: (key, limit) => count(keyRefusals, key + SEPARATOR + limit),
    ranAway: (kind, action) => count(runaways, kind + SEPARATOR + action),
    booked(row) {
      const { account = 'none' } = row
      cells.book(row)
      const first = row.attempts[0]?.account
      if (first !== undefined && first !== account && row.outcome === 'ok')
        count(failovers, first + SEPARATOR + account)
    },
    text: () =>
      [
        ...requestFamilies(cells.all()),
        ...gatewayFamilies({ attempts, failovers, rejected, runaways, keyRefusals, inFlight, gauges }),
        ...keeperFamilies(renewals, polls, gauges),
      ].join(''),
  }
}

const WHERE = ['account', 'model']

function requestFamilies(cells: readonly Cell[]): readonly string[] {
  const where = ({ account, model }: Cell) => [account, model]
  const counter = (name: string, help: string, labels: readonly string[], samples: Samples): string =>
    writeFamily({ name, help, kind: 'counter', labels: [...WHERE, ...labels], samples })
  const histogram = (name: string, help: string, of: (cell: Cell) => Histogram): string =>
    writeHistogram({ name, help, labels: WHERE, series: cells.map((cell) => [where(cell), of(cell)]) })
  const endings = cells.flatMap((cell) =>
    toSamples(cell.endings).map(([key, value]) => [[...where(cell), ...key], value] as const),
  )
  return [
    counter('spillway_requests_total', 'Client requests, by how they ended.', ['outcome', 'status'], endings),
    counter('spillway_tokens_total', 'Tokens, by kind.', ['kind'], cells.flatMap(tokenSamples)),
    counter(
      'spillway_cost_usd_total',
      'Cost in USD, of priced models.',
      [],
      cells.map((cell) => [where(cell), cell.costUsd]),
    ),
    counter(
      'spillway_unpriced_requests_total',
      'Requests of models without a known price.',
      [],
      cells.map((cell) => [where(cell), cell.unpriced]),
    ),
    histogram('spillway_ttft_seconds', 'From a request to its first content.', (cell) => cell.ttft),
    histogram('spillway_duration_seconds', 'From a request to its end.', (cell) => cell.duration),
  ]
}

const tokenSamples = ({ account, model, ...cell }: Cell): Samples => [
  [[account, model, 'input'], cell.input],
  [[account, model, 'output'], cell.output],
  [[account, model, 'cache-read'], cell.cacheRead],
  [[account, model, 'cache-write-5m'], cell.cacheWrite5m],
  [[account, model, 'cache-write-1h'], cell.cacheWrite1h],
]

function gatewayFamilies(state: {
  readonly attempts: Tally
  readonly failovers: Tally
  readonly rejected: Tally
  readonly runaways: Tally
  readonly keyRefusals: Tally
  readonly inFlight: number
  readonly gauges: Gauges
}): readonly string[] {
  const { attempts, failovers, rejected, runaways, keyRefusals, inFlight, gauges } = state
  const counter = (name: string, help: string, labels: readonly string[], tally: Tally): string =>
    writeFamily({ name, help, kind: 'counter', labels, samples: toSamples(tally) })
  const gauge = (name: string, help: string, value: number): string =>
    writeFamily({ name, help, kind: 'gauge', labels: [], samples: [[[], value]] })
  const { waiting, lost } = gauges.ledger()
  return [
    counter(
      'spillway_attempts_total',
      'Attempts on accounts, by what came of them.',
      ['account', 'result'],
      attempts,
    ),
    counter(
      'spillway_failovers_total',
      'Requests served by another account than the one first tried.',
      ['from', 'to'],
      failovers,
    ),
    counter('spillway_rejected_total', 'Requests turned away at the door.', ['reason'], rejected),
    counter(
      'spillway_runaway_total',
      'Requests of clients that seem to have run away.',
      ['kind', 'action'],
      runaways,
    ),
    counter(
      'spillway_key_refusals_total',
      'Requests that the rules of their key kept out.',
      ['key', 'limit'],
      keyRefusals,
    ),
    writeFamily({
      name: 'spillway_account_ready',
      help: 'Whether an account can take requests.',
      kind: 'gauge',
      labels: ['account'],
      samples: gauges.accounts(),
    }),
    writeFamily({
      name: 'spillway_waiting_requests',
      help: 'Requests that wait in line for an account.',
      kind: 'gauge',
      labels: ['class'],
      samples: gauges.waiting(),
    }),
    gauge('spillway_in_flight', 'Requests under way.', inFlight),
    gauge('spillway_ledger_waiting', 'Rows that wait for the database.', waiting),
    gauge('spillway_ledger_lost', 'Rows that could be stored nowhere.', lost),
    gauge('spillway_log_lines_dropped', 'Log lines that nobody took, or no disk.', gauges.logLinesDropped()),
  ]
}

function keeperFamilies(renewals: Tally, polls: Tally, gauges: Gauges): readonly string[] {
  const counter = (name: string, help: string, tally: Tally): string =>
    writeFamily({ name, help, kind: 'counter', labels: ['account', 'result'], samples: toSamples(tally) })
  return [
    counter('spillway_token_renewals_total', 'Renewals of tokens, by what came of them.', renewals),
    counter('spillway_usage_polls_total', 'Questions for an account’s usage, by what came of them.', polls),
    writeFamily({
      name: 'spillway_window_utilization',
      help: 'The used share of an account’s windows, as its provider says.',
      kind: 'gauge',
      labels: ['account', 'window'],
      samples: gauges.windows(),
    }),
    writeFamily({
      name: 'spillway_token_expires_seconds',
      help: 'Until an account’s token ends; negative when it has.',
      kind: 'gauge',
      labels: ['account'],
      samples: gauges.tokens(),
    }),
  ]
}
