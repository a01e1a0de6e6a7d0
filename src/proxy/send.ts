/**
 * Sends one attempt with a credential that is fit to be sent: renewed before its use where it
 * is about to end, and once after its provider has refused it (G9). Must not choose accounts
 * or write to the client.
 */
import type { Account, AccountId } from '../core/account.ts'
import type { Failure } from '../core/failure.ts'
import type { Renewed } from '../core/ports/tokens.ts'
import type { FailedAttempt } from '../core/situation.ts'
import { isRenewable } from '../core/token.ts'
import { type Attempt, attempt } from './attempt.ts'
import type { ProxyContext } from './context.ts'
import type { Job } from './job.ts'
import { isTarget, toTarget } from './target.ts'

interface Sending {
  readonly account: Account
  /** On a new connection. */
  readonly isFresh: boolean
  readonly failed: readonly FailedAttempt[]
}

export async function sendTo(job: Job, sending: Sending, context: ProxyContext): Promise<Attempt> {
  const { isFresh, failed } = sending
  // It may have been chosen before a pause, and have got a new credential in it.
  const chosen = presentOf(sending.account.id, context) ?? sending.account
  const usable = context.tokens.usable(chosen)
  const ready = 'id' in usable ? usable : await patiently(usable, job)
  if (ready === 'aborted') return { kind: 'aborted' }
  if ('kind' in ready && ready.kind === 'failed') return unsent(chosen, ready.failure)
  const account = 'kind' in ready ? ready.account : ready
  const target = toTarget(account, job.facts.model, context)
  if (!isTarget(target)) return unsent(account, target)
  job.record.account = target.account
  job.record.servedModel = target.model
  job.record.credentials = [...job.record.credentials, ...target.credential]
  const result = await attempt(job, target, isFresh, context)
  const isRefused = result.kind === 'failed' && result.failed.failure.cause === 'unauthorized'
  const isFirst = !failed.some((each) => each.account === account.id && each.isRenewed)
  if (!isRefused || !isFirst) return result
  const isReplaced = (presentOf(account.id, context) ?? account).credentialVersion > account.credentialVersion
  return isReplaced || isRenewable(account) ? renew(job, account, result, context) : result
}

const presentOf = (id: AccountId, { pool }: ProxyContext): Account | undefined =>
  pool.views().find(({ account }) => account.id === id)?.account

/** The failure is the old token's alone if there is a new one now; otherwise it is why there is none. */
async function renew(
  job: Job,
  { id, credentialVersion }: Account,
  result: Extract<Attempt, { kind: 'failed' }>,
  { tokens }: ProxyContext,
): Promise<Attempt> {
  const renewed = await patiently(tokens.afterRefusal(id, credentialVersion), job)
  if (renewed === 'aborted') return { kind: 'aborted' }
  const { failed } = result
  return renewed.kind === 'fresh'
    ? { ...result, failed: { ...failed, isRenewed: true } }
    : // The refusal is not what is the matter, and would send the client to sign in.
      { ...result, failed: { ...failed, failure: renewed.failure, isPresentable: false } }
}

/** A client that leaves does not wait any longer; the renewal goes on for others. */
function patiently(renewal: Promise<Renewed>, { request: { signal } }: Job): Promise<Renewed | 'aborted'> {
  const { promise, resolve, reject } = Promise.withResolvers<Renewed | 'aborted'>()
  const leave = (): void => resolve('aborted')
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave, { once: true })
  renewal.then(resolve, reject)
  return promise.finally(() => signal.removeEventListener('abort', leave))
}

const unsent = ({ id }: Account, failure: Failure): Attempt => ({
  kind: 'failed',
  failed: {
    account: id,
    failure,
    status: undefined,
    isPresentable: false,
    wasStaleConnection: false,
    isRenewed: false,
  },
  kept: undefined,
})
