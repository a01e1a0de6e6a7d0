/**
 * One client request with everything that was read out of it, and its ledger row in the
 * making. Reads what routing needs and no more; must not choose, send or answer.
 */
import type { ClientKey } from '../core/access.ts'
import type { AccountId } from '../core/account.ts'
import { costOf } from '../core/cost.ts'
import type { Headers } from '../core/headers.ts'
import type { Reservation } from '../core/key-use.ts'
import type { AttemptRecord, DecisionRecord, LedgerRow, Outcome } from '../core/ledger.ts'
import type { ClientRequest, Reply } from '../core/ports/client.ts'
import type { Millis } from '../core/time.ts'
import { NO_USAGE, type Usage } from '../core/usage.ts'
import { noteUsage } from './bind.ts'
import { noteAnswer } from './brake.ts'
import { watchCache } from './cache-watch.ts'
import type { Capture } from './capture.ts'
import type { ProxyContext } from './context.ts'
import { type Endpoint, endpointOf } from './endpoint.ts'
import { type Facts, NO_FACTS } from './facts.ts'
import type { HeldReply } from './held-reply.ts'
import { splitPool } from './wants.ts'

export interface Job {
  readonly id: string
  readonly request: ClientRequest
  /** Without the prefix that names a pool. */
  readonly path: string
  readonly reply: Reply
  /** The reply, where the request may be held while it is kept alive. */
  readonly held: HeldReply | undefined
  readonly endpoint: Endpoint
  readonly key: ClientKey | undefined
  readonly startedAt: Millis
  /** In the clock's `elapsed` time. */
  readonly startedElapsed: number
  /** When its body was there, from which on patience counts. */
  readonly readyAt: Millis
  readonly body: Uint8Array
  readonly facts: Facts
  readonly record: Record
  /** What is gathered of it, where that is kept. */
  readonly capture: Capture | undefined
}

/** What the row will say, as it becomes known. */
export interface Record {
  attempts: AttemptRecord[]
  decision: DecisionRecord
  account: { readonly id: AccountId; readonly name: string; readonly provider: string } | undefined
  servedModel: string | undefined
  ttftMs: number | undefined
  usage: Usage
  /** What the attempts signed with, so that no error text can carry it into the ledger (G5). */
  credentials: Headers
  isBooked: boolean
  /** Whether the runaway brake looks at it, and its body's digest where that counts. */
  isBraked: boolean
  digest: string | undefined
  /** What of its key's limits it has taken. */
  reservation: Reservation | undefined
  /** What the client is warned of. */
  warning: string | undefined
}

const newRecord = (strategy: string): Record => ({
  attempts: [],
  decision: { strategy, candidates: [] },
  account: undefined,
  servedModel: undefined,
  ttftMs: undefined,
  usage: NO_USAGE,
  credentials: [],
  isBooked: false,
  isBraked: false,
  digest: undefined,
  reservation: undefined,
  warning: undefined,
})

/** Just arrived: nothing is known of it but its head. */
export function newJob(
  request: ClientRequest,
  reply: Reply,
  key: ClientKey | undefined,
  context: ProxyContext,
): Job {
  const startedAt = context.clock.now()
  const { path } = splitPool(request.path)
  return {
    id: context.newId(),
    request,
    path,
    reply,
    held: undefined,
    endpoint: endpointOf(request.method, path),
    key,
    startedAt,
    readyAt: startedAt,
    startedElapsed: context.clock.elapsed(),
    body: NOTHING,
    facts: NO_FACTS,
    record: newRecord(key?.rules.strategy ?? context.settings().strategy),
    capture: undefined,
  }
}

const NOTHING = new Uint8Array(0)

const LONGEST_ERROR = 500

/** Writes the row, once; whatever is booked first stands. */
export function book(
  job: Job,
  context: ProxyContext,
  end: { readonly status: number; readonly outcome: Outcome; readonly error?: string | undefined },
): void {
  const { record, facts } = job
  if (record.isBooked) return
  record.isBooked = true
  const cache = watchCache(job, context)
  const row: LedgerRow = {
    id: job.id,
    startedAt: job.startedAt,
    method: job.request.method,
    path: job.path,
    dialect: 'anthropic',
    provider: record.account?.provider,
    accountId: record.account?.id,
    account: record.account?.name,
    keyId: job.key?.id,
    key: job.key?.name,
    session: facts.session,
    agent: facts.agent,
    model: facts.model,
    servedModel: record.servedModel,
    stream: facts.isStream,
    status: end.status,
    outcome: end.outcome,
    attempts: record.attempts,
    decision: record.decision,
    ttftMs: record.ttftMs,
    durationMs: Math.round(context.clock.elapsed() - job.startedElapsed),
    usage: record.usage,
    costUsd: costOfJob(job, context),
    error: end.error === undefined ? undefined : end.error.slice(0, LONGEST_ERROR),
    agentKind: facts.agentKind ?? context.agents.kindOf(job),
    cache: cache?.verdict,
  }
  if (job.capture !== undefined) job.capture.row = row
  context.ledger.append(row)
  context.observe.booked(row)
  noteUsage(job, row.costUsd, context)
  noteAnswer(job, row, context)
  context.keyMeters.booked(row, record.reservation)
  // The last bytes go out before anything more is looked at.
  if (cache !== undefined) queueMicrotask(cache.remember)
}

/** What an upstream said, for the row: providers repeat keys in their messages (G5). */
export function withoutSecrets(text: string, { credentials }: Record): string {
  let shown = text
  for (const [, value] of credentials) {
    const secret = value.replace(/^Bearer /, '')
    if (secret !== '') shown = shown.replaceAll(secret, '[secret]')
  }
  return shown
}

/** Nothing was used where no model served; an unknown model is unpriced, not free. */
function costOfJob({ id, record, startedAt, endpoint }: Job, { observe }: ProxyContext): number | undefined {
  if (record.servedModel === undefined || endpoint.kind !== 'messages') return 0
  const cost = costOf(record.servedModel, record.usage, startedAt)
  if (cost === undefined) observe.unpriced(record.servedModel, id)
  return cost
}
