/**
 * Carries out the steps that `nextStep` names. The only loop in the request path, and the
 * only place where routing meets the network. Once an answer is handed to the relay there
 * is no failover: `nextStep` is never asked again.
 */
import type { Account } from '../core/account.ts'
import type { FailedAttempt } from '../core/situation.ts'
import type { Attempt, KeptAnswer } from './attempt.ts'
import { bind } from './bind.ts'
import { type Chosen, choose, isStillFit, type SendStep } from './choose.ts'
import type { ProxyContext } from './context.ts'
import { giveUp, handOut, handOver, leave } from './finish.ts'
import { sendHedged } from './hedge.ts'
import type { Job } from './job.ts'
import { waitInLine } from './stand.ts'

/** One request on its way through its attempts. */
export interface Run {
  readonly failed: FailedAttempt[]
  readonly kept: (KeptAnswer | undefined)[]
  waitedMs: number
  /** It is not to wait any longer: the line is full, or the gateway stops. */
  isUrgent: boolean
}

export async function serve(job: Job, context: ProxyContext): Promise<void> {
  const run: Run = { failed: [], kept: [], waitedMs: 0, isUrgent: false }
  let chosen = choose(job, run, context)
  for (;;) {
    const { step } = chosen
    if (step.kind === 'give-up') return giveUp(job, step.verdict, run.kept, context)
    if (step.kind === 'wait') {
      const next = await waitInLine(job, run, step, context)
      if (next === undefined) return leave(job, context)
      chosen = next
      continue
    }
    // Before the pause, or everybody who pauses would find the same budget.
    if (step.isRetry) context.budget.spend()
    if (step.delayMs > 0) await context.clock.sleep(step.delayMs, job.request.signal)
    if (job.request.signal.aborted) {
      chosen.done?.()
      return leave(job, context)
    }
    if (step.delayMs === 0 || isStillFit(step, job, run, context)) {
      const failure = await trySend(job, { ...chosen, step }, run.failed, context)
      if (failure === undefined) return
      run.failed.push(failure.failed)
      run.kept.push(failure.kept)
    }
    chosen = choose(job, run, context)
  }
}

type Failed = Extract<Attempt, { kind: 'failed' }>

/** One attempt and, if it was answered, everything up to the client's last byte. */
async function trySend(
  job: Job,
  chosen: Chosen & { readonly step: SendStep },
  failed: readonly FailedAttempt[],
  context: ProxyContext,
): Promise<Failed | undefined> {
  const { pool, clock } = context
  const sentAt = clock.elapsed()
  const { result, target, account, model, done } = await sendHedged(job, chosen, failed, context)
  try {
    job.record.account = target?.account ?? job.record.account
    job.record.servedModel = target === undefined ? job.record.servedModel : target.model
    note(job, account, result, clock.elapsed() - sentAt)
    if (result.kind === 'failed') {
      const { failure, status } = result.failed
      context.log.debug('An attempt has failed.', {
        request: job.id,
        account: account.name,
        failure: failure.cause,
        status,
      })
      // What a renewed token puts right is held against nobody.
      if (!result.failed.isRenewed) pool.failed(account.id, failure, job.facts.conversation)
      context.observe.attempted(account, failure.cause)
      return result
    }
    if (result.kind === 'aborted') leave(job, context)
    else await answered(job, { account, model, result, failed }, context)
    return undefined
  } finally {
    done()
  }
}

function note(job: Job, account: Account, result: Attempt, ms: number): void {
  const record = { account: account.name, ms: Math.round(ms) }
  job.record.attempts.push(
    result.kind === 'failed' ? { ...record, ...seenOf(result.failed) } : { ...record, ...statusOf(result) },
  )
}

const seenOf = ({ status, failure }: FailedAttempt) => ({
  ...(status === undefined ? {} : { status }),
  failure: failure.cause,
  detail: failure.evidence,
})

function statusOf(result: Exclude<Attempt, Failed>): { readonly status?: number } {
  if (result.kind === 'aborted') return {}
  return { status: result.kind === 'refused' ? result.kept.status : result.begun.answer.status }
}

interface Answered {
  readonly account: Account
  /** The model that it was asked for. */
  readonly model: string | undefined
  readonly result: Extract<Attempt, { kind: 'answered' | 'refused' }>
  readonly failed: readonly FailedAttempt[]
}

/** The account took the request: what is known of it and of those that failed before is brought up to date. */
function answered(
  job: Job,
  { account, model, result, failed }: Answered,
  context: ProxyContext,
): Promise<void> {
  const { pool, observe } = context
  pool.succeeded(account.id, model)
  observe.attempted(account, undefined)
  if (result.kind === 'refused') {
    handOut(job, result.kept, context)
    return Promise.resolve()
  }
  for (const each of failed) {
    if (each.account !== account.id) pool.othersSucceeded(each.account, each.failure, job.facts.conversation)
  }
  bind(job, account.id, context)
  return handOver(job, result.begun, context)
}
