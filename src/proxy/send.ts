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
import { type Attempt, attempt, type Leg } from './attempt.ts'
import type { ProxyContext } from './context.ts'
import type { Job } from './job.ts'
import { isTarget, type Target, toTarget } from './target.ts'

export interface Sending extends Leg {
  readonly account: Account
  /** To be asked of it; undefined where the endpoint has none. */
  readonly model: string | undefined
  readonly failed: readonly FailedAttempt[]
}

/** What came of it, and who was asked for what; `target` undefined: nothing could be sent. */
export interface Sent {
  readonly result: Attempt
  readonly target: Target | undefined
}

export async function sendTo(job: Job, sending: Sending, context: ProxyContext): Promise<Sent> {
  const { failed, signal } = sending
  // It may have been chosen before a pause, and have got a new credential in it.
  const chosen = presentOf(sending.account.id, context) ?? sending.account
  const usable = context.tokens.usable(chosen)
  const ready = 'id' in usable ? usable : await patiently(usable, signal)
  if (ready === 'aborted') return { result: { kind: 'aborted' }, target: undefined }
  if ('kind' in ready && ready.kind === 'failed') return unsent(chosen, sending, ready.failure)
  const account = 'kind' in ready ? ready.account : ready
  const target = toTarget(account, sending.model, context)
  if (!isTarget(target)) return unsent(account, sending, target)
  job.record.credentials = [...job.record.credentials, ...target.credential]
  const result = await attempt(job, target, sending, context)
  const isRefused = result.kind === 'failed' && result.failed.failure.cause === 'unauthorized'
  const isFirst = !failed.some((each) => each.account === account.id && each.isRenewed)
  if (!isRefused || !isFirst) return { result, target }
  const isReplaced = (presentOf(account.id, context) ?? account).credentialVersion > account.credentialVersion
  const isWorthIt = isReplaced || isRenewable(account)
  return { result: isWorthIt ? await renew(account, result, signal, context) : result, target }
}

const presentOf = (id: AccountId, { pool }: ProxyContext): Account | undefined =>
  pool.views().find(({ account }) => account.id === id)?.account

/** The failure is the old token's alone if there is a new one now; otherwise it is why there is none. */
async function renew(
  { id, credentialVersion }: Account,
  result: Extract<Attempt, { kind: 'failed' }>,
  signal: AbortSignal,
  { tokens }: ProxyContext,
): Promise<Attempt> {
  const renewed = await patiently(tokens.afterRefusal(id, credentialVersion), signal)
  if (renewed === 'aborted') return { kind: 'aborted' }
  const { failed } = result
  return renewed.kind === 'fresh'
    ? { ...result, failed: { ...failed, isRenewed: true } }
    : // The refusal is not what is the matter, and would send the client to sign in.
      { ...result, failed: { ...failed, failure: renewed.failure, isPresentable: false } }
}

/** A client that leaves does not wait any longer; the renewal goes on for others. */
function patiently(renewal: Promise<Renewed>, signal: AbortSignal): Promise<Renewed | 'aborted'> {
  const { promise, resolve, reject } = Promise.withResolvers<Renewed | 'aborted'>()
  const leave = (): void => resolve('aborted')
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave, { once: true })
  renewal.then(resolve, reject)
  return promise.finally(() => signal.removeEventListener('abort', leave))
}

const unsent = ({ id }: Account, { model }: Sending, failure: Failure): Sent => ({
  target: undefined,
  result: {
    kind: 'failed',
    failed: {
      account: id,
      model,
      failure,
      status: undefined,
      isPresentable: false,
      wasStaleConnection: false,
      isRenewed: false,
    },
    kept: undefined,
  },
})
