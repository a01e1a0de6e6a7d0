/**
 * Carries out the steps that `nextStep` names. The only loop in the request path, and the
 * only place where routing meets the network. Once an answer is handed to the relay there
 * is no failover: `nextStep` is never asked again.
 */
import type { Account } from '../core/account.ts'
import { refusalOf } from '../core/refusal.ts'
import { nextStep, type Step } from '../core/route.ts'
import { isAlive } from '../core/session.ts'
import type { FailedAttempt, Situation } from '../core/situation.ts'
import type { Attempt, KeptAnswer } from './attempt.ts'
import { bind } from './bind.ts'
import type { ProxyContext } from './context.ts'
import { decisionOf } from './explain.ts'
import { giveUp, handOut, handOver, leave } from './finish.ts'
import type { Job } from './job.ts'
import { sendTo } from './send.ts'

export async function serve(job: Job, context: ProxyContext): Promise<void> {
  const failed: FailedAttempt[] = []
  const kept: (KeptAnswer | undefined)[] = []
  for (;;) {
    const situation = situationOf(job, failed, context)
    const step = nextStep(situation)
    job.record.decision = decisionOf(situation, step)
    if (step.kind === 'give-up') return giveUp(job, step.verdict, kept, context)
    // Before the pause, or everybody who pauses would find the same budget.
    if (step.kind === 'send' && step.isRetry) context.budget.spend()
    if (step.delayMs > 0) await context.clock.sleep(step.delayMs, job.request.signal)
    if (job.request.signal.aborted) return leave(job, context)
    if (step.kind === 'wait' || (step.delayMs > 0 && !isStillFit(step.account, job, context))) continue
    const failure = await trySend(job, step, failed, context)
    if (failure === undefined) return
    failed.push(failure.failed)
    kept.push(failure.kept)
  }
}

/** Much can happen in a pause: the operator pauses or removes the account, another request meets its limit. */
function isStillFit({ id }: Account, { facts }: Job, { pool, clock }: ProxyContext): boolean {
  const view = pool.views().find(({ account }) => account.id === id)
  return view !== undefined && refusalOf(view, { request: facts, now: clock.now() }) === undefined
}

function situationOf(job: Job, failed: readonly FailedAttempt[], context: ProxyContext): Situation {
  const { clock, pool, budget, bindings } = context
  const { strategy, sessionMs, retry } = context.settings()
  const { conversation } = job.facts
  const now = clock.now()
  const binding = conversation === undefined ? undefined : bindings.get(conversation)
  return {
    request: job.facts,
    accounts: pool.views(),
    binding: binding !== undefined && isAlive(binding, sessionMs, now) ? binding : undefined,
    failed,
    strategy,
    sessionMs,
    policy: retry,
    retriesLeft: budget.left(),
    startedAt: job.readyAt,
    now,
    chance: clock.chance(),
  }
}

type Failed = Extract<Attempt, { kind: 'failed' }>

/** One attempt and, if it was answered, everything up to the client's last byte. */
async function trySend(
  job: Job,
  step: Extract<Step, { kind: 'send' }>,
  failed: readonly FailedAttempt[],
  context: ProxyContext,
): Promise<Failed | undefined> {
  const { pool, clock } = context
  const { account } = step
  const done = pool.begin(account.id, job.facts.model)
  try {
    const sentAt = clock.elapsed()
    const result = await sendTo(job, { account, isFresh: step.fresh, failed }, context)
    note(job, account, result, clock.elapsed() - sentAt)
    if (result.kind === 'failed') {
      // What a renewed token puts right is held against nobody.
      if (!result.failed.isRenewed) pool.failed(account.id, result.failed.failure, job.facts.conversation)
      context.observe.attempted(account, result.failed.failure.cause)
      return result
    }
    if (result.kind === 'aborted') leave(job, context)
    else await answered(job, account, result, failed, context)
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

/** The account took the request: what is known of it and of those that failed before is brought up to date. */
function answered(
  job: Job,
  account: Account,
  result: Extract<Attempt, { kind: 'answered' | 'refused' }>,
  ...[failed, context]: readonly [readonly FailedAttempt[], ProxyContext]
): Promise<void> {
  const { pool, observe } = context
  const { conversation, model } = job.facts
  pool.succeeded(account.id, model)
  observe.attempted(account, undefined)
  if (result.kind === 'refused') {
    handOut(job, result.kept, context)
    return Promise.resolve()
  }
  for (const each of failed) {
    if (each.account !== account.id) pool.othersSucceeded(each.account, each.failure, conversation)
  }
  bind(job, account.id, context)
  return handOver(job, result.begun, context)
}
