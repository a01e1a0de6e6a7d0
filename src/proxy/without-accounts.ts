/**
 * Requests while no account exists: a client that brought a credential of its own is served
 * with it, as if the gateway were not there; one that did not is told how to add an account.
 * One attempt, no pool.
 */
import { GatewayError } from '../core/error.ts'
import { attempt } from './attempt.ts'
import type { ProxyContext } from './context.ts'
import { giveUp, handOut, handOver, leave } from './finish.ts'
import type { Job } from './job.ts'
import { toOwnTarget } from './target.ts'

export async function serveWithout(job: Job, context: ProxyContext): Promise<void> {
  const target = toOwnTarget(job.request.headers, job.facts.model, context)
  job.record.decision = { strategy: 'none', reason: 'no account is configured', candidates: [] }
  if (target === undefined) {
    throw new GatewayError(
      'unavailable',
      'No account is configured. Add one with "spillway accounts add <name> --provider console --api-key-stdin", ' +
        'or see how everything works with "spillway demo".',
    )
  }
  job.record.servedModel = target.model
  const startedAt = context.clock.elapsed()
  const result = await attempt(job, target, false, context)
  const ms = Math.round(context.clock.elapsed() - startedAt)
  switch (result.kind) {
    case 'aborted':
      return leave(job, context)
    case 'answered':
      job.record.attempts.push({ account: 'client', status: result.begun.answer.status, ms })
      return handOver(job, result.begun, context)
    case 'refused':
      job.record.attempts.push({ account: 'client', status: result.kept.status, ms })
      return handOut(job, result.kept, context)
    case 'failed': {
      const { failure, status } = result.failed
      job.record.attempts.push({
        account: 'client',
        failure: failure.cause,
        ...(status === undefined ? {} : { status }),
        ms,
      })
      if (result.kept !== undefined) return handOut(job, result.kept, context)
      const message = `Anthropic could not be reached with the client’s own credential. ${failure.evidence}.`
      return giveUp(job, { kind: 'own', status: 503, message, retryAfterSeconds: 5 }, [], context)
    }
  }
}
