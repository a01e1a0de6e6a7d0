/**
 * Holds a request against how much its key may use: what it is expected to use is reserved
 * before anything is sent, and settled with its row. Costs a key without limits nothing. Must
 * not count (key-meters.ts does) and must not decide (core/key-gauge.ts does).
 */
import type { ClientKey } from '../core/access.ts'
import { costOf } from '../core/cost.ts'
import { type Excess, excessName, sentenceOf } from '../core/key-gauge.ts'
import { hasLimits } from '../core/key-limits.ts'
import { SECOND } from '../core/time.ts'
import { NO_USAGE } from '../core/usage.ts'
import type { Verdict } from '../core/verdict.ts'
import { readWholeNumber } from '../dialects/messages/request.ts'
import type { Observer, ProxyContext } from './context.ts'
import type { Job } from './job.ts'
import { ANSWER_TOKENS, BYTES_A_TOKEN } from './wants.ts'

/** What of a job its allowance depends on. */
export interface Asking extends Pick<Job, 'key' | 'body' | 'startedAt'> {
  readonly endpoint: Pick<Job['endpoint'], 'kind'>
  readonly facts: Pick<Job['facts'], 'wanted' | 'maxTokensSpan'>
  readonly record: Pick<Job['record'], 'decision' | 'reservation'>
}

interface Meters extends Pick<ProxyContext, 'keyMeters' | 'clock'> {
  readonly observe: Pick<Observer, 'keyRefused'>
}

/** Takes what the request is expected to use from its key's limits; the answer for the client where one is full. */
export function takeAllowance(job: Asking, context: Meters): Extract<Verdict, { kind: 'own' }> | undefined {
  const { key, record } = job
  if (key === undefined || !hasLimits(key.rules)) return undefined
  const refused = overLimit(key, context)
  if (refused === undefined) {
    record.reservation = context.keyMeters.reserve(key.id, expectedOf(job))
    return undefined
  }
  context.observe.keyRefused(key.name, excessName(refused.excess.gauge))
  record.decision = { ...record.decision, refusal: refused.verdict.message }
  return refused.verdict
}

interface OverLimit {
  readonly excess: Excess
  readonly verdict: Extract<Verdict, { kind: 'own' }>
}

/** Whether a request of this key would be let in now. */
export function overLimit(
  key: ClientKey,
  { keyMeters, clock }: Pick<Meters, 'keyMeters' | 'clock'>,
): OverLimit | undefined {
  const excess = keyMeters.excessOf(key)
  if (excess === undefined) return undefined
  const now = clock.now()
  const waitMs = excess.until === undefined ? 0 : excess.until - now
  return {
    excess,
    verdict: {
      kind: 'own',
      status: 429,
      message: sentenceOf(key.name, excess, now),
      retryAfterSeconds: Math.max(1, Math.ceil(waitMs / SECOND)),
    },
  }
}

/** The most that its answer can become: so what is let in at once stays within the limit, save the last. */
function expectedOf({ body, facts, endpoint, startedAt }: Asking): {
  readonly tokens: number
  readonly usd: number
} {
  if (endpoint.kind !== 'messages') return { tokens: 0, usd: 0 }
  const inputTokens = Math.ceil(body.length / BYTES_A_TOKEN)
  const outputTokens = readWholeNumber(body, facts.maxTokensSpan) ?? ANSWER_TOKENS
  const usage = { ...NO_USAGE, inputTokens, outputTokens }
  const usd = facts.wanted === undefined ? undefined : costOf(facts.wanted, usage, startedAt)
  return { tokens: inputTokens + outputTokens, usd: usd ?? 0 }
}
