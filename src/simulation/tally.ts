/**
 * What came of a run, counted: requests served and refused, tokens and money, cache that was
 * written again, changes of account. Must not judge.
 */
import { type AccountId, toAccountId } from '../core/account.ts'
import type { BindingStore } from '../core/ports/stores.ts'
import { promptTokensOf } from '../core/usage.ts'
import type { Watcher } from './journey.ts'
import { costTokens } from './trace.ts'

export interface Tally {
  requests: number
  served: number
  /** Answers that broke off upstream. */
  truncated: number
  clientErrors: number
  /** Clients that left before their answer. */
  left: number
  refused: number
  readonly refusedByStatus: Map<number, number>
  attempts: number
  failures: number
  waits: number
  waitedMs: number
  /** Answers by another account than the conversation's last one. */
  switches: number
  /** Answers by another account than the one that the conversation is bound to afterwards. */
  spills: number
  /** Conversations that were bound to another account. */
  moves: number
  /** Prompt tokens of served requests. */
  promptTokens: number
  outputTokens: number
  /** Tokens of prompts that were written again although a cache of the conversation was warm somewhere. */
  rewrittenTokens: number
  /** What was taken out of windows, as `costTokens` weighs it. */
  costTokens: number
  /** At list prices. */
  costUsd: number
  /** The part of it that accounts without windows were paid for. */
  paidUsd: number
  /** Requests of models without a known price. */
  unpriced: number
}

interface Conversation {
  account: string
  binding: AccountId | undefined
  tokens: number
  warmUntil: number
}

export function createTally(bindings: BindingStore): { readonly tally: Tally; readonly watcher: Watcher } {
  const tally = emptyTally()
  const conversations = new Map<string, Conversation>()
  const watcher: Watcher = {
    stepped(_, __, { kind }) {
      if (kind === 'wait') tally.waits++
    },
    sent: () => void tally.attempts++,
    failed: () => void tally.failures++,
    answered({ request }, { account, sentAt, usage, costUsd, isTruncated }) {
      const { conversation, cachedTokens, cacheLifeMs } = request
      const known = conversations.get(conversation)
      const ideal = known !== undefined && sentAt < known.warmUntil ? Math.min(cachedTokens, known.tokens) : 0
      tally.rewrittenTokens += Math.max(0, ideal - usage.cacheReadTokens)
      tally.promptTokens += promptTokensOf(usage)
      tally.outputTokens += usage.outputTokens
      tally.costTokens += costTokens({ ...request, outputTokens: usage.outputTokens }, usage.cacheReadTokens)
      tally.costUsd += costUsd ?? 0
      if (account.isPaid) tally.paidUsd += costUsd ?? 0
      if (costUsd === undefined) tally.unpriced++
      if (isTruncated) tally.truncated++
      else tally.served++
      const binding = bindings.get(conversation)?.account
      if (known !== undefined && known.account !== account.name) tally.switches++
      if (binding !== undefined && binding !== toAccountId(account.name)) tally.spills++
      if (known?.binding !== undefined && known.binding !== binding) tally.moves++
      const warmUntil = sentAt + cacheLifeMs
      conversations.set(conversation, {
        account: account.name,
        binding,
        tokens: request.promptTokens,
        warmUntil,
      })
    },
    ended({ waitedMs }, ending) {
      tally.requests++
      tally.waitedMs += waitedMs
      if (ending.kind === 'left') tally.left++
      if (ending.kind === 'client-error') tally.clientErrors++
      if (ending.kind !== 'refused') return
      tally.refused++
      tally.refusedByStatus.set(ending.status, (tally.refusedByStatus.get(ending.status) ?? 0) + 1)
    },
  }
  return { tally, watcher }
}

const emptyTally = (): Tally => ({
  requests: 0,
  served: 0,
  truncated: 0,
  clientErrors: 0,
  left: 0,
  refused: 0,
  refusedByStatus: new Map(),
  attempts: 0,
  failures: 0,
  waits: 0,
  waitedMs: 0,
  switches: 0,
  spills: 0,
  moves: 0,
  promptTokens: 0,
  outputTokens: 0,
  rewrittenTokens: 0,
  costTokens: 0,
  costUsd: 0,
  paidUsd: 0,
  unpriced: 0,
})
