/**
 * What a success leaves behind: the conversation's binding, and the ownership of whatever
 * was created. Carries out what core/session.ts decides.
 */
import type { AccountId } from '../core/account.ts'
import { type Refusal, refusalOf } from '../core/refusal.ts'
import { afterUsage, type Binding, bindingAfter } from '../core/session.ts'
import { DAY, later, type Millis } from '../core/time.ts'
import { promptTokensOf } from '../core/usage.ts'
import type { Made } from '../dialects/messages/answer.ts'
import type { ProxyContext } from './context.ts'
import type { Job } from './job.ts'
import { type AskedFacts, type Present, situationOf } from './situation.ts'

/** What of a job its conversation's binding depends on. */
export interface BoundJob extends Pick<Job, 'readyAt'> {
  readonly facts: AskedFacts
  readonly endpoint: Pick<Job['endpoint'], 'kind'>
  readonly record: Pick<Job['record'], 'account' | 'usage'>
}

export function bind(job: BoundJob, account: AccountId, context: Present): void {
  const { bindings, clock, pool } = context
  const { conversation } = job.facts
  if (conversation === undefined || job.endpoint.kind !== 'messages') return
  const binding = bindings.get(conversation)
  const awayUntil = binding === undefined ? undefined : absence(binding, job, context)
  const { organization } = pool.standingOf(account)
  bindings.put(conversation, bindingAfter(binding, { account, organization, awayUntil, now: clock.now() }))
}

/** What the answer counted of its conversation's cache is known when it is over. */
export function noteUsage(
  job: BoundJob,
  costUsd: number | undefined,
  { bindings, clock, pool }: Present,
): void {
  const { account, usage } = job.record
  const { conversation } = job.facts
  if (conversation === undefined || account === undefined || job.endpoint.kind !== 'messages') return
  const binding = bindings.get(conversation)
  // What broke off before its first count says nothing.
  if (binding === undefined || promptTokensOf(usage) === 0) return
  const { organization } = pool.standingOf(account.id)
  const served = { account: account.id, organization, usage, costUsd: costUsd ?? 0, now: clock.now() }
  bindings.put(conversation, afterUsage(binding, served))
}

/** Until when the bound account cannot take this conversation; undefined if it can. */
function absence(binding: Binding, { facts, readyAt }: BoundJob, context: Present): Millis | undefined {
  const { pool, clock } = context
  const view = pool.views().find(({ account }) => account.id === binding.account)
  if (view === undefined) return later(clock.now(), DAY)
  const situation = situationOf(facts, { failed: [], startedAt: readyAt, waitedMs: 0 }, context)
  const refusal = refusalOf(view, situation)
  if (refusal === undefined || PASSING.has(refusal.reason)) return undefined
  return refusal.until ?? later(clock.now(), DAY)
}

/** Gone before a cache gets cold. */
const PASSING: ReadonlySet<Refusal['reason']> = new Set(['probing', 'busy', 'circuit-open', 'excluded'])

const CREATED_ID = /"id"\s*:\s*"((?:file|msgbatch|skill)_[A-Za-z0-9_-]{1,128})"/
const MOST_SEARCHED_BYTES = 4096

/** Files and batches exist in one organization only; later requests that name them must go there (`wire.md` §1.8). */
export function own(job: Job, held: Uint8Array, context: ProxyContext): void {
  const { account } = job.record
  if (!job.endpoint.creates || account === undefined) return
  const text = Buffer.from(held.buffer, held.byteOffset, Math.min(held.length, MOST_SEARCHED_BYTES)).toString(
    'latin1',
  )
  const id = CREATED_ID.exec(text)?.[1]
  if (id !== undefined) ownedBy(account.id, id, context)
}

/** What `id` names is reached by this account, and by others of its organization. */
function ownedBy(account: AccountId, id: string, { owners, pool }: ProxyContext): void {
  owners.put(id, { account, organization: pool.standingOf(account).organization })
}

/** A container, and the messages of a thread, can only be used again where they are. */
export function ownMade(job: Job, { message, container }: Made, context: ProxyContext): void {
  const { account } = job.record
  if (account === undefined) return
  if (container !== undefined) ownedBy(account.id, container, context)
  if (message !== undefined && job.facts.isThread) ownedBy(account.id, message, context)
}
