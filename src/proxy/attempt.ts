/**
 * One attempt: sign, send, and judge what comes back up to the first content. Nothing has
 * reached the client yet when this returns, so a failure here can still go to another
 * account. Must not choose accounts or write to the client.
 */
import type { Failure } from '../core/failure.ts'
import type { Headers } from '../core/headers.ts'
import { isEnd, type UpstreamAnswer } from '../core/ports/upstream.ts'
import type { FailedAttempt } from '../core/situation.ts'
import { NO_USAGE } from '../core/usage.ts'
import { readErrorEnvelope, statusOfType } from '../dialects/messages/error.ts'
import { withModel } from '../dialects/messages/request.ts'
import type { ProxyContext } from './context.ts'
import { asksModel } from './endpoint.ts'
import { toUpstreamHeaders } from './headers.ts'
import { type Begun, hold, watch } from './hold.ts'
import type { Job } from './job.ts'
import type { Target } from './target.ts'

export type Attempt =
  | { readonly kind: 'answered'; readonly begun: Begun }
  /** A refusal that is the client's own affair, whole. */
  | { readonly kind: 'refused'; readonly kept: KeptAnswer }
  | { readonly kind: 'failed'; readonly failed: FailedAttempt; readonly kept: KeptAnswer | undefined }
  | { readonly kind: 'aborted' }

/** An upstream's answer that is no success, whole. */
export interface KeptAnswer {
  readonly account: Target['account']
  /** The model that this account was asked for. */
  readonly model: string | undefined
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
}

const MOST_ERROR_BYTES = 1 << 20
const ERROR_BODY_MS = 30_000

/** How one attempt is made. */
export interface Leg {
  /** On a new connection. */
  readonly isFresh: boolean
  /** Fires when its answer is no longer wanted: the client has left, or another was faster. */
  readonly signal: AbortSignal
}

export async function attempt(job: Job, target: Target, leg: Leg, context: ProxyContext): Promise<Attempt> {
  const { clock, upstream, settings } = context
  const { times } = settings()
  const { isStream } = job.facts
  const isWhole = !isStream && asksModel(job.endpoint)
  const sentAt = clock.elapsed()
  const sent = await upstream.send(
    {
      endpoint: target.endpoint,
      method: job.request.method,
      target: `${job.path}${job.request.query}`,
      headers: toUpstreamHeaders(job.request.headers, target),
      body: bodyFor(job, target),
      proxy: target.proxy,
      fresh: leg.isFresh,
    },
    {
      connectMs: times.connectMs,
      headersMs: isWhole && times.totalMs > 0 ? times.totalMs : times.headersMs,
      idleMs: isWhole ? 0 : times.idleMs,
    },
    leg.signal,
  )
  if (sent.kind === 'aborted') return { kind: 'aborted' }
  if (sent.kind === 'fault') {
    const { cause, detail, wasStaleConnection } = sent.fault
    return failed(target, { cause, scope: { kind: 'request' }, evidence: detail }, { wasStaleConnection })
  }
  return judge(job, target, { answer: sent.answer, sentAt, signal: leg.signal }, context)
}

/** The client's bytes; where the account is asked for another model, with that one value edited in place (G1). */
function bodyFor({ body, facts }: Job, { model }: Target): Uint8Array {
  const isMapped = model !== undefined && model !== facts.model && facts.modelSpan !== undefined
  return isMapped ? withModel(body, facts.modelSpan, model) : body
}

interface Sent {
  readonly answer: UpstreamAnswer
  readonly sentAt: number
  readonly signal: AbortSignal
}

async function judge(
  job: Job,
  target: Target,
  { answer, sentAt, signal }: Sent,
  context: ProxyContext,
): Promise<Attempt> {
  const { clock, settings } = context
  learn(job, target, answer, context)
  if (answer.status >= 300) return judgeRefusal(job, target, { answer, sentAt, signal }, context)
  const { readHiddenError } = target.provider
  const held = await hold(job, answer, { clock, times: settings().times, sentAt, readHiddenError })
  if (signal.aborted) {
    if (held.kind !== 'failed') held.begun.watch.stop()
    job.record.usage = (held.kind === 'failed' ? held.usage : held.begun.stream?.usage) ?? NO_USAGE
    return { kind: 'aborted' }
  }
  if (held.kind === 'begun') return { kind: 'answered', begun: held.begun }
  if (held.kind === 'failed') return failed(target, held.failure, { status: answer.status })
  // Judged as if it had come with the status that such an error has elsewhere.
  const status = held.kind === 'hidden' ? held.status : statusOfType(held.error.type)
  const failure = readFailure(job, target, { status, headers: answer.headers, body: held.text }, context)
  if (failure === undefined) return { kind: 'answered', begun: held.begun }
  held.begun.watch.stop()
  answer.body.cancel()
  return failed(target, failure, { status })
}

/** Whose account it is stands in any answer's head; what it says of limits counts for messages alone. */
function learn(
  { endpoint }: Job,
  { account, provider }: Target,
  { headers }: UpstreamAnswer,
  { clock, pool }: ProxyContext,
): void {
  const limits = provider.readLimits(headers, clock.now())
  if (limits === undefined) return
  const { organization } = limits
  if (endpoint.kind === 'messages') pool.read(account.id, limits)
  else if (organization !== undefined) pool.read(account.id, { windows: [], organization })
}

/** Anything but success: read whole, and either the account's failure or the client's answer. */
async function judgeRefusal(
  job: Job,
  target: Target,
  { answer, signal }: Sent,
  context: ProxyContext,
): Promise<Attempt> {
  const { status, headers } = answer
  const running = watch(ERROR_BODY_MS, context.clock, answer)
  const body = await readWhole(answer)
  running.stop()
  if (signal.aborted) return { kind: 'aborted' }
  const evidence = `its answer (${status}) broke off`
  if (body === undefined)
    return failed(target, { cause: 'bad-response', scope: { kind: 'request' }, evidence }, { status })
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString()
  const kept = { account: target.account, model: target.model, status, headers, body }
  const failure = readFailure(job, target, { status, headers, body: text }, context)
  if (failure === undefined) return { kind: 'refused', kept }
  const isPresentable = failure.cause !== 'redirect' && readErrorEnvelope(text) !== undefined
  return failed(target, failure, { status, isPresentable }, kept)
}

function readFailure(
  job: Job,
  { provider, model }: Target,
  answer: { readonly status: number; readonly headers: Headers; readonly body: string },
  { clock }: ProxyContext,
): Failure | undefined {
  return provider.readFailure({
    ...answer,
    model,
    isSide: job.endpoint.kind !== 'messages',
    now: clock.now(),
  })
}

function failed(
  { account, model }: Target,
  failure: Failure,
  seen: Partial<Pick<FailedAttempt, 'status' | 'isPresentable' | 'wasStaleConnection'>> = {},
  kept?: KeptAnswer,
): Attempt {
  const { status, isPresentable = false, wasStaleConnection = false } = seen
  return {
    kind: 'failed',
    failed: {
      account: account.id,
      model,
      failure,
      status,
      isPresentable,
      wasStaleConnection,
      isRenewed: false,
    },
    kept,
  }
}

/** Undefined when the body broke off or is too long to be an error message. */
async function readWhole({ body }: UpstreamAnswer): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = []
  let size = 0
  for (;;) {
    const part = await body.read()
    if (isEnd(part)) return part.end === 'clean' ? Buffer.concat(pieces) : undefined
    pieces.push(part)
    size += part.length
    if (size <= MOST_ERROR_BYTES) continue
    body.cancel()
    return undefined
  }
}
