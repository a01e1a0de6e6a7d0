/**
 * What a success leaves behind: the conversation's binding, and the ownership of whatever
 * was created. Carries out what core/session.ts decides.
 */
import type { AccountId } from '../core/account.ts'
import { refusalOf } from '../core/refusal.ts'
import { type Binding, bindingAfter } from '../core/session.ts'
import type { Situation } from '../core/situation.ts'
import { DAY, later, type Millis } from '../core/time.ts'
import type { Made } from '../dialects/messages/answer.ts'
import type { ProxyContext } from './context.ts'
import type { Job } from './job.ts'

export function bind(job: Job, account: AccountId, context: ProxyContext): void {
  const { bindings, clock } = context
  const { conversation } = job.facts
  if (conversation === undefined || job.endpoint.kind !== 'messages') return
  const now = clock.now()
  const binding = bindings.get(conversation)
  const awayUntil = binding === undefined ? undefined : absence(binding, job, context)
  bindings.put(conversation, bindingAfter(binding, { account, awayUntil, now }))
}

/** Until when the bound account cannot take this conversation; undefined if it can. */
function absence(binding: Binding, { facts }: Job, { pool, clock }: ProxyContext): Millis | undefined {
  const now = clock.now()
  const view = pool.views().find(({ account }) => account.id === binding.account)
  if (view === undefined) return later(now, DAY)
  const situation: Pick<Situation, 'request' | 'now'> = { request: facts, now }
  const refusal = refusalOf(view, situation)
  if (refusal === undefined || refusal.reason === 'probing') return undefined
  return refusal.until ?? later(now, DAY)
}

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
