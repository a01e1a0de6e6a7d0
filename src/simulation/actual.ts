/** What really came of the requests that a ledger tells of, counted as a run's are. Must not simulate. */
import { CACHE_LIFE_MS, LONG_CACHE_LIFE_MS } from '../core/session.ts'
import type { LedgerRequest } from './from-ledger.ts'

export interface Actual {
  readonly requests: number
  readonly served: number
  readonly refused: number
  readonly rewrittenTokens: number
  readonly costUsd: number
  readonly switches: number
}

interface Last {
  readonly account: string | undefined
  readonly tokens: number
  readonly warmUntil: number
}

export function actualOf(rows: readonly LedgerRequest[]): Actual {
  const conversations = new Map<string, Last>()
  let rewrittenTokens = 0
  let switches = 0
  for (const { conversation, promptTokens, readTokens, startedAt, account, isLongCache } of rows) {
    if (conversation === undefined || promptTokens === 0) continue
    const before = conversations.get(conversation)
    // A turn may have rewritten what came before: without a look at it, as much as both have is expected.
    const ideal =
      before !== undefined && startedAt < before.warmUntil ? Math.min(before.tokens, promptTokens) : 0
    if (before !== undefined && before.account !== account) {
      switches++
      rewrittenTokens += Math.max(0, ideal - readTokens)
    }
    const warmUntil = startedAt + (isLongCache ? LONG_CACHE_LIFE_MS : CACHE_LIFE_MS)
    conversations.set(conversation, { account, tokens: promptTokens, warmUntil })
  }
  return {
    requests: rows.length,
    served: rows.filter(({ outcome }) => outcome === 'ok').length,
    refused: rows.filter(({ outcome }) => outcome === 'refused' || outcome === 'upstream-error').length,
    rewrittenTokens,
    costUsd: rows.reduce((sum, { costUsd = 0 }) => sum + costUsd, 0),
    switches,
  }
}
