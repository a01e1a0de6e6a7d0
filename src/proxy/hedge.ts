/**
 * One attempt, or two where that is wanted: a side endpoint that may be asked twice without
 * harm, and whose answer does not begin in time, is asked of a second account as well. The
 * first answer counts, the other is cancelled. Must not hedge anything that costs tokens.
 */
import type { Account } from '../core/account.ts'
import { nextStep } from '../core/route.ts'
import type { FailedAttempt } from '../core/situation.ts'
import { begin, type Chosen, type SendStep } from './choose.ts'
import type { ProxyContext } from './context.ts'
import type { Job } from './job.ts'
import { type Sent, sendTo } from './send.ts'
import { situationOf } from './situation.ts'

export interface Outcome extends Sent {
  readonly account: Account
  readonly model: string | undefined
  /** To be called when the answer has been handed on, or is not wanted. */
  readonly done: () => void
}

export async function sendHedged(
  job: Job,
  { step, done }: Chosen & { readonly step: SendStep },
  failed: readonly FailedAttempt[],
  context: ProxyContext,
): Promise<Outcome> {
  const first = beginLeg(job, step, { done: done ?? begin(step, job, context), failed }, context)
  const { hedgeMs } = context.settings()
  if (hedgeMs === 0 || !isHedgeable(job)) return first.outcome
  const { promise: late, resolve } = Promise.withResolvers<'late'>()
  const stop = context.clock.after(hedgeMs, () => resolve('late'))
  const early = await Promise.race([first.outcome, late])
  stop()
  if (early !== 'late') return early
  const other = alternativeTo(step, job, failed, context)
  if (other === undefined) return first.outcome
  const second = beginLeg(job, other, { done: begin(other, job, context), failed }, context)
  return firstGood(first, second)
}

/** Nothing happens twice when it is asked twice, and nothing is paid for it. */
const isHedgeable = ({ endpoint, request, facts }: Job): boolean =>
  endpoint.kind === 'count-tokens' ||
  (endpoint.kind === 'other' && request.method === 'GET' && facts.owner === undefined)

interface Running {
  readonly outcome: Promise<Outcome>
  readonly cancel: () => void
}

function beginLeg(
  job: Job,
  { account, model, fresh }: SendStep,
  { done, failed }: { readonly done: () => void; readonly failed: readonly FailedAttempt[] },
  context: ProxyContext,
): Running {
  const { hedgeMs } = context.settings()
  if (hedgeMs === 0 || !isHedgeable(job)) {
    const { signal } = job.request
    const sent = sendTo(job, { account, model, isFresh: fresh, failed, signal }, context)
    return { outcome: withDone(sent, { account, model, done }), cancel: () => {} }
  }
  const cancelling = new AbortController()
  const signal = AbortSignal.any([job.request.signal, cancelling.signal])
  const sent = sendTo(job, { account, model, isFresh: fresh, failed, signal }, context)
  return { outcome: withDone(sent, { account, model, done }), cancel: () => cancelling.abort() }
}

async function withDone(
  sent: Promise<Sent>,
  { account, model, done }: Pick<Outcome, 'account' | 'model' | 'done'>,
): Promise<Outcome> {
  try {
    return { ...(await sent), account, model, done }
  } catch (error) {
    done()
    throw error
  }
}

/** Whom the same decision would have named without the account that is slow. */
function alternativeTo(
  { account }: SendStep,
  job: Job,
  failed: readonly FailedAttempt[],
  context: ProxyContext,
): SendStep | undefined {
  const facts = { ...job.facts, excluded: [...job.facts.excluded, account.name], holdUntil: undefined }
  const progress = { failed, startedAt: job.readyAt, waitedMs: 0, isUrgent: true }
  const step = nextStep(situationOf(facts, progress, context))
  return step.kind === 'send' && step.delayMs === 0 ? step : undefined
}

/** The first that is no failure; the last failure when both are. */
async function firstGood(first: Running, second: Running): Promise<Outcome> {
  const winner = await Promise.race([
    first.outcome.then((outcome) => ({ outcome, other: second })),
    second.outcome.then((outcome) => ({ outcome, other: first })),
  ])
  if (winner.outcome.result.kind === 'failed') {
    winner.outcome.done()
    return winner.other.outcome
  }
  winner.other.cancel()
  void winner.other.outcome.then(
    ({ done }) => done(),
    () => {},
  )
  return winner.outcome
}
