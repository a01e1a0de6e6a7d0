/**
 * The ends that a request can come to: an answer handed over to the relay, an upstream's
 * refusal handed out whole, our own refusal, or a client that left. Each books its row
 * first. Must not ask for another attempt.
 */
import { type Headers, isOfType } from '../core/headers.ts'
import type { Outcome } from '../core/ledger.ts'
import { later, SECOND } from '../core/time.ts'
import type { Verdict } from '../core/verdict.ts'
import { readErrorEnvelope, writeErrorEnvelope } from '../dialects/messages/error.ts'
import { writeSpentLimits } from '../dialects/messages/limits.ts'
import { answerVerdict } from './answer.ts'
import type { KeptAnswer } from './attempt.ts'
import { own } from './bind.ts'
import { warningHeaders } from './brake.ts'
import type { ProxyContext } from './context.ts'
import { readOn, withOwnResults } from './created.ts'
import { toClientHeaders } from './headers.ts'
import type { Begun } from './hold.ts'
import { book, type Job, withoutSecrets } from './job.ts'
import { relay } from './relay.ts'

export async function handOver(job: Job, begun: Begun, context: ProxyContext): Promise<void> {
  const headers = toClientHeaders(
    begun.answer.headers,
    [...limitHeaders(job, context), ...ownHeaders(job)],
    showsAccount(context),
  )
  const { creates, namesResults } = job.endpoint
  if (!creates && !namesResults) return relay(job, begun, headers, context)
  const read = await readOn(begun)
  own(job, read.held, context)
  return relay(job, namesResults ? withOwnResults(job, read, context) : read, headers, context)
}

/** An upstream's own words, byte for byte. */
export function handOut(job: Job, kept: KeptAnswer, context: ProxyContext): void {
  const { status } = kept
  job.record.account = kept.account
  job.record.servedModel = kept.model
  const error = readErrorEnvelope(
    Buffer.from(kept.body.buffer, kept.body.byteOffset, kept.body.length).toString(),
  )
  const words = error === undefined ? `the upstream answered ${status}` : `${error.type}: ${error.message}`
  book(job, context, {
    status,
    outcome: outcomeOf(status),
    error: status < 400 ? undefined : withoutSecrets(words, job.record),
  })
  const { headers, body } = error === undefined && isPage(kept) ? withoutPage(job, kept) : kept
  job.reply.start(status, toClientHeaders(headers, ownHeaders(job), showsAccount(context)), body.length)
  job.reply.end(body)
}

const outcomeOf = (status: number): Outcome => {
  if (status < 400) return 'ok'
  return status < 500 && status !== 429 ? 'client-error' : 'upstream-error'
}

const isPage = ({ headers }: KeptAnswer): boolean => isOfType(headers, 'text/html')

/** A web page where an error message should be would only be shown to people as rubbish (`wire.md` §4.3). */
function withoutPage(
  job: Job,
  { status, headers }: KeptAnswer,
): { readonly headers: Headers; readonly body: Uint8Array } {
  const text = writeErrorEnvelope(
    status,
    `The provider answered ${status} with a web page instead of a message.`,
    job.id,
  )
  const kept = headers.filter(([name]) => name !== 'content-type' && name !== 'content-encoding')
  return { headers: [...kept, ['content-type', 'application/json']], body: Buffer.from(text) }
}

export function giveUp(
  job: Job,
  verdict: Verdict,
  kept: readonly (KeptAnswer | undefined)[],
  context: ProxyContext,
): void {
  const answer = verdict.kind === 'relay' ? kept[verdict.attempt] : undefined
  if (answer !== undefined) return handOut(job, answer, context)
  if (verdict.kind === 'relay') throw new Error('An answer was to be handed out that was not kept.')
  job.record.account = undefined
  job.record.servedModel = undefined
  const isUpstreams = verdict.status >= 500 && job.record.attempts.length > 0
  book(job, context, {
    status: verdict.status,
    outcome: isUpstreams ? 'upstream-error' : 'refused',
    error: verdict.message,
  })
  const answered = { id: job.id, attempts: job.record.attempts.length }
  answerVerdict(job.reply, verdict, answered, [...spentHeaders(verdict, context), ...warningHeaders(job)])
}

/** The client is gone; whatever ran for it has been told. */
export function leave(job: Job, context: ProxyContext): void {
  book(job, context, { status: 0, outcome: 'aborted', error: 'the client left' })
}

function ownHeaders({ id, record, facts }: Job): Headers {
  const isMapped = record.servedModel !== undefined && record.servedModel !== facts.model
  return [
    ['x-spillway-request-id', id],
    ...(record.account === undefined ? [] : [['x-spillway-account', record.account.name] as const]),
    ['x-spillway-attempts', String(record.attempts.length)],
    ...(isMapped ? [['x-spillway-model', record.servedModel ?? ''] as const] : []),
    ...warningHeaders({ record }),
  ]
}

const showsAccount = ({ settings }: ProxyContext): boolean => settings().limitHeaders === 'account'

/** How the pool stands, in the place of the answering account's own limits. */
const limitHeaders = ({ endpoint }: Job, { settings, meters }: ProxyContext): Headers =>
  endpoint.kind === 'messages' && settings().limitHeaders === 'pool' ? meters.headers() : NONE

const NONE: Headers = []
/** What is shorter is a throttle, which clients wait out by themselves. */
const LONGEST_THROTTLE_SECONDS = 60

/** With these, clients show that a plan is spent and until when, and do not keep asking (`wire.md` §3.5). */
function spentHeaders(
  { status, retryAfterSeconds = 0 }: Extract<Verdict, { kind: 'own' }>,
  { settings, meters, clock }: ProxyContext,
): Headers {
  if (status !== 429 || retryAfterSeconds <= LONGEST_THROTTLE_SECONDS) return NONE
  const limits = settings().limitHeaders === 'pool' ? meters.limits() : undefined
  return limits === undefined
    ? NONE
    : writeSpentLimits(limits, later(clock.now(), retryAfterSeconds * SECOND))
}
