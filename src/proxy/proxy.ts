/**
 * The door and the frame of every client request under /v1: identify, admit, read, serve,
 * and whatever happens, one answer and one row. Must not decide where a request goes: that
 * is serve.ts, which asks core/route.ts.
 */
import { GatewayError, STATUS_OF, toGatewayError } from '../core/error.ts'
import { headerOf } from '../core/headers.ts'
import { ClientGone, type ClientRequest, type Reply, type RequestHandler } from '../core/ports/client.ts'
import { admit } from './access.ts'
import { takeAllowance } from './allowance.ts'
import { answerError } from './answer.ts'
import { brake, warningHeaders } from './brake.ts'
import { endCapture, withCapture } from './capture.ts'
import type { ProxyContext } from './context.ts'
import { readFacts } from './facts.ts'
import { giveUp } from './finish.ts'
import { createHeldReply } from './held-reply.ts'
import { book, type Job, newJob } from './job.ts'
import { assertEndpoint } from './permission.ts'
import { serve } from './serve.ts'
import { serveIdentity, serveWithout } from './without-accounts.ts'

export function createProxy(context: ProxyContext): RequestHandler {
  return async (request, reply) => {
    const admitted = knock(request, reply, context)
    if (admitted === undefined) return
    const job = withCapture(admitted, context)
    context.budget.request()
    context.observe.begun()
    try {
      await run(job, context)
    } finally {
      endCapture(job, context)
      context.observe.ended()
    }
  }
}

/** Who is it, and is it for us? Undefined when the request was answered with a refusal; such requests have no row. */
function knock(request: ClientRequest, reply: Reply, context: ProxyContext): Job | undefined {
  try {
    const key = admit(request, context)
    return newJob(request, reply, key, context)
  } catch (error) {
    const known = toGatewayError(error)
    context.observe.rejected(known.code)
    answerError(reply, known, { id: context.newId() })
    return undefined
  }
}

async function run(arrived: Job, context: ProxyContext): Promise<void> {
  let job = arrived
  try {
    const { request, endpoint } = job
    assertEndpoint(job, context)
    const encoding = headerOf(request.headers, 'content-encoding') ?? 'identity'
    if (encoding !== 'identity') {
      throw new GatewayError(
        'unsupported-encoding',
        `The request’s body is compressed (${encoding}); send it uncompressed.`,
      )
    }
    const body = await request.body(context.settings().maxBodyBytes)
    if (job.capture !== undefined) job.capture.body = body
    const facts = readFacts(job, body, context)
    job = { ...job, body, facts, readyAt: context.clock.now() }
    if (facts.holdUntil !== undefined && facts.isStream) job = withHeldReply(job, context)
    if (endpoint.kind === 'identity') return await serveIdentity(job, context)
    const refused = takeAllowance(job, context)
    if (refused !== undefined) return giveUp(job, refused, [], context)
    brake(job, context)
    await (context.pool.views().length > 0 ? serve(job, context) : serveWithout(job, context))
  } catch (error) {
    fail(job, error, context)
  }
}

/** Only streams can be kept alive while they wait. */
function withHeldReply(job: Job, { clock }: ProxyContext): Job {
  const held = createHeldReply(job.reply, {
    clock,
    headers: () => [['x-spillway-request-id', job.id], ...warningHeaders(job)],
  })
  return { ...job, reply: held, held }
}

/** The client gets one sentence, the row gets it too; a bug is logged whole and shown as nothing but that. */
function fail(job: Job, thrown: unknown, context: ProxyContext): void {
  if (thrown instanceof ClientGone || job.request.signal.aborted) {
    return book(job, context, { status: 0, outcome: 'aborted', error: 'the client left' })
  }
  const error = toGatewayError(thrown)
  if (error.code === 'internal')
    context.log.error('A request failed because of a bug.', error, { request: job.id })
  const status = STATUS_OF[error.code]
  const outcome = status < 500 && error.code !== 'runaway' ? 'client-error' : 'refused'
  book(job, context, { status, outcome, error: error.message })
  if (job.reply.hasStarted) job.reply.break()
  else answerError(job.reply, error, { id: job.id, attempts: job.record.attempts.length })
}
