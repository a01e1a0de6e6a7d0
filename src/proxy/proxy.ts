/**
 * The door and the frame of every client request under /v1: identify, admit, read, serve,
 * and whatever happens, one answer and one row. Must not decide where a request goes: that
 * is serve.ts, which asks core/route.ts.
 */
import { GatewayError, STATUS_OF, toGatewayError } from '../core/error.ts'
import { headerOf } from '../core/headers.ts'
import { ClientGone, type ClientRequest, type Reply, type RequestHandler } from '../core/ports/client.ts'
import { admit } from './access.ts'
import { answerError } from './answer.ts'
import type { ProxyContext } from './context.ts'
import { type Endpoint, endpointOf } from './endpoint.ts'
import { book, type Job, NO_FACTS, newRecord, readFacts } from './job.ts'
import { serve } from './serve.ts'
import { serveIdentity, serveWithout } from './without-accounts.ts'

export function createProxy(context: ProxyContext): RequestHandler {
  return async (request, reply) => {
    const admitted = knock(request, reply, context)
    if (admitted === undefined) return
    context.budget.request()
    context.observe.begun()
    try {
      await run(admitted, context)
    } finally {
      context.observe.ended()
    }
  }
}

/** Who is it, and is it for us? Undefined when the request was answered with a refusal; such requests have no row. */
function knock(request: ClientRequest, reply: Reply, context: ProxyContext): Job | undefined {
  try {
    const key = admit(request, context)
    return newJob(request, reply, endpointOf(request.method, request.path), { key, context })
  } catch (error) {
    const known = toGatewayError(error)
    context.observe.rejected(known.code)
    answerError(reply, known, { id: context.newId() })
    return undefined
  }
}

function newJob(
  request: ClientRequest,
  reply: Reply,
  endpoint: Endpoint,
  { key, context }: { readonly key: Job['key']; readonly context: ProxyContext },
): Job {
  const startedAt = context.clock.now()
  return {
    id: context.newId(),
    request,
    reply,
    endpoint,
    key,
    startedAt,
    readyAt: startedAt,
    startedElapsed: context.clock.elapsed(),
    body: NOTHING,
    facts: NO_FACTS,
    record: newRecord(context.settings().strategy),
  }
}

const NOTHING = new Uint8Array(0)

async function run(arrived: Job, context: ProxyContext): Promise<void> {
  let job = arrived
  try {
    const { request, endpoint } = job
    const encoding = headerOf(request.headers, 'content-encoding') ?? 'identity'
    if (encoding !== 'identity') {
      throw new GatewayError(
        'unsupported-encoding',
        `The request’s body is compressed (${encoding}); send it uncompressed.`,
      )
    }
    const body = await request.body(context.settings().maxBodyBytes)
    const facts = readFacts(request, endpoint, body, context)
    job = { ...job, body, facts, readyAt: context.clock.now() }
    if (endpoint.kind === 'identity') return await serveIdentity(job, context)
    await (context.pool.views().length > 0 ? serve(job, context) : serveWithout(job, context))
  } catch (error) {
    fail(job, error, context)
  }
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
  const outcome = status < 500 ? 'client-error' : 'refused'
  book(job, context, { status, outcome, error: error.message })
  if (job.reply.hasStarted) job.reply.break()
  else answerError(job.reply, error, { id: job.id, attempts: job.record.attempts.length })
}
