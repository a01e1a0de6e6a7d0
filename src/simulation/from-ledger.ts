/**
 * The operator's own days as a trace: ledger rows become requests, readings of windows and the
 * tokens between them say what a window is worth. What is too little known is left out, and is
 * said. Must not read anything itself.
 */
import { familyOf } from '../core/model.ts'
import { CACHE_LIFE_MS, LONG_CACHE_LIFE_MS } from '../core/session.ts'
import { HOUR, later, MINUTE, type Millis } from '../core/time.ts'
import { lengthOf, meteredFamily } from '../core/window.ts'
import { type Estimate, estimateWorth, type LedgerReading, readingAt } from './estimate.ts'
import type { Trace, TraceAccount, TraceRequest, TraceWindow } from './trace.ts'

export interface LedgerRequest {
  readonly startedAt: Millis
  /** Session and agent; undefined: it stands alone. */
  readonly conversation: string | undefined
  readonly model: string
  readonly class: TraceRequest['class']
  readonly account: string | undefined
  readonly outcome: 'ok' | 'client-error' | 'upstream-error' | 'refused' | 'aborted' | 'truncated'
  readonly durationMs: number
  readonly promptTokens: number
  readonly readTokens: number
  readonly isLongCache: boolean
  readonly outputTokens: number
  readonly costUsd: number | undefined
}

export interface LedgerAccount extends Omit<TraceAccount, 'windows' | 'faults' | 'isPaid'> {
  /** As they are known by name. */
  readonly windows: readonly string[]
}

export interface LedgerHistory {
  readonly startsAt: Millis
  readonly endsAt: Millis
  /** In the order in which they began. */
  readonly requests: readonly LedgerRequest[]
  readonly accounts: readonly LedgerAccount[]
  /** Oldest first. */
  readonly readings: readonly LedgerReading[]
}

export interface LedgerTrace {
  readonly trace: Trace
  /** What is not as it was, in sentences. */
  readonly notes: readonly string[]
}

export function traceFromLedger(history: LedgerHistory): LedgerTrace {
  const { startsAt, endsAt } = history
  const notes: string[] = []
  const requests = toRequests(history.requests, notes)
  const accounts = history.accounts.map((account) => toAccount(account, history, notes))
  const description = 'from the ledger'
  return { trace: { name: 'ledger', description, startsAt, endsAt, accounts, requests }, notes }
}

interface Turn {
  readonly at: Millis
  readonly promptTokens: number
  readonly outputTokens: number
  readonly durationMs: number
  readonly lifeMs: number
}

function toRequests(rows: readonly LedgerRequest[], notes: string[]): readonly TraceRequest[] {
  const conversations = new Map<string, Turn>()
  const usual = usualTurn(rows)
  const requests: TraceRequest[] = []
  let guessed = 0
  let left = 0
  for (const [number, row] of rows.entries()) {
    const { startedAt: at, model, conversation = `alone ${number}` } = row
    const before = conversations.get(conversation)
    const isKnown = row.promptTokens > 0
    if (!isKnown && (row.outcome === 'client-error' || row.outcome === 'aborted')) {
      left++
      continue
    }
    if (!isKnown) guessed++
    const size = isKnown ? row : (before ?? usual)
    const cacheLifeMs = isKnown ? lifeOf(row) : (before?.lifeMs ?? CACHE_LIFE_MS)
    const isWarm = before !== undefined && at - before.at < before.lifeMs
    const { promptTokens, outputTokens, durationMs } = size
    const cachedTokens = Math.min(promptTokens, Math.max(row.readTokens, isWarm ? before.promptTokens : 0))
    const common = { at, conversation, model, class: row.class }
    requests.push({
      ...common,
      promptTokens,
      cachedTokens,
      outputTokens,
      durationMs: Math.max(1, durationMs),
      cacheLifeMs,
    })
    if (isKnown || before === undefined)
      conversations.set(conversation, { at, promptTokens, outputTokens, durationMs, lifeMs: cacheLifeMs })
  }
  if (guessed > 0)
    notes.push(`${guessed} requests had no answer to count; they are taken to be as large as the one before.`)
  if (left > 0)
    notes.push(
      `${left} requests that were their clients’ own mistakes, or were left at once, are not replayed.`,
    )
  return requests
}

const lifeOf = ({ isLongCache }: LedgerRequest): number => (isLongCache ? LONG_CACHE_LIFE_MS : CACHE_LIFE_MS)

/** In the middle of all that were answered. */
function usualTurn(rows: readonly LedgerRequest[]): Omit<Turn, 'at' | 'lifeMs'> {
  const answered = rows.filter(({ promptTokens }) => promptTokens > 0)
  const middle = (value: (row: LedgerRequest) => number): number =>
    answered.map(value).sort((a, b) => a - b)[answered.length >> 1] ?? 0
  return {
    promptTokens: middle(({ promptTokens }) => promptTokens),
    outputTokens: middle(({ outputTokens }) => outputTokens),
    durationMs: middle(({ durationMs }) => durationMs),
  }
}

function toAccount(account: LedgerAccount, history: LedgerHistory, notes: string[]): TraceAccount {
  const { name, windows, ...rest } = account
  const known = windows.flatMap((window) => {
    const found = toWindow(name, window, history)
    if (found?.kind === 'window') return [found.window]
    if (found?.kind === 'unknown')
      notes.push(`${name} is simulated without its ${window} window: ${found.reason}.`)
    return []
  })
  return { ...rest, name, windows: known, isPaid: windows.length === 0, faults: [] }
}

type Found =
  | { readonly kind: 'window'; readonly window: TraceWindow }
  | { readonly kind: 'unknown'; readonly reason: string }

/** Longer ones end at fixed times, whatever is done; shorter ones begin with their first use. */
const LONGEST_BEGUN_BY_USE_MS = 24 * HOUR

function toWindow(account: string, name: string, history: LedgerHistory): Found | undefined {
  const lengthMs = lengthOf(name)
  if (lengthMs === undefined) return undefined
  const family = meteredFamily(name)
  const readings = history.readings.filter((each) => each.account === account && each.window === name)
  const requests = history.requests.filter(
    (each) => each.account === account && (family === undefined || familyOf(each.model) === family),
  )
  const estimate: Estimate = estimateWorth(readings, requests)
  if (estimate.kind === 'unknown') return estimate
  const { capacity } = estimate
  const end = readings.findLast(({ resetsAt }) => resetsAt !== undefined)?.resetsAt
  const isOnGrid = lengthMs > LONGEST_BEGUN_BY_USE_MS && end !== undefined
  const first = readingAt(readings, history.startsAt)
  const isOpen = first?.resetsAt !== undefined && first.resetsAt > history.startsAt + MINUTE
  return {
    kind: 'window',
    window: {
      name,
      lengthMs,
      capacity,
      ...(family === undefined ? {} : { family }),
      ...(isOnGrid ? { gridFrom: later(end, -lengthMs) } : {}),
      ...(isOpen ? { initial: { used: (first.utilization ?? 0) * capacity, endsAt: first.resetsAt } } : {}),
    },
  }
}
