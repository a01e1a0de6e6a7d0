/**
 * Requests that no account of the pool serves: all of them while there is none, and at any
 * time those that speak about one person (who is this, what plan, which sessions). A client
 * that brought a credential of its own is served with it, as if the gateway were not there.
 * One attempt, no pool, never a pooled credential.
 */
import { credentialsOf } from '../core/access.ts'
import { GatewayError } from '../core/error.ts'
import { writeUsage } from '../dialects/messages/limits.ts'
import { attempt } from './attempt.ts'
import type { ProxyContext } from './context.ts'
import { giveUp, handOut, handOver, leave } from './finish.ts'
import { book, type Job } from './job.ts'
import { type Target, toOwnTarget } from './target.ts'

export function serveWithout(job: Job, context: ProxyContext): Promise<void> {
  const target = toOwnTarget(job.request.headers, job.facts.model, context)
  job.record.decision = { strategy: 'none', reason: 'no account is configured', candidates: [] }
  if (target !== undefined) return serveOwn(job, target, context)
  throw new GatewayError(
    'unavailable',
    'No account is configured. Add one with "spillway accounts add <name> --provider console --api-key-stdin", ' +
      'or see how everything works with "spillway demo".',
  )
}

const USAGE = '/api/oauth/usage'
/** Nothing else is a credential of the vendor's that could be the client's own. */
const VENDORS = /^sk-ant-/

/** The client's own identity or nobody's; its plan's usage is the pool's when it comes as a client of the pool. */
export async function serveIdentity(job: Job, context: ProxyContext): Promise<void> {
  const { request } = job
  const own = request.headers.filter((header) =>
    credentialsOf([header]).some((credential) => VENDORS.test(credential)),
  )
  const target = toOwnTarget(own, undefined, context)
  job.record.decision = {
    strategy: 'none',
    reason: 'it speaks about one person, not about the pool',
    candidates: [],
  }
  if (target !== undefined) return serveOwn(job, target, context)
  if (request.method === 'GET' && job.path === USAGE) return answerUsage(job, context)
  throw new GatewayError(
    'not-found',
    `${job.path} speaks about one account, so a pool cannot answer it. With a credential of the client’s own it would go on to its provider.`,
  )
}

function answerUsage(job: Job, context: ProxyContext): void {
  const body = Buffer.from(writeUsage(context.meters.limits()))
  book(job, context, { status: 200, outcome: 'ok' })
  job.reply.start(
    200,
    [
      ['content-type', 'application/json'],
      ['x-spillway-request-id', job.id],
    ],
    body.length,
  )
  job.reply.end(body)
}

async function serveOwn(job: Job, target: Target, context: ProxyContext): Promise<void> {
  job.record.servedModel = target.model
  job.record.credentials = target.credential
  const startedAt = context.clock.elapsed()
  const result = await attempt(job, target, { isFresh: false, signal: job.request.signal }, context)
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
