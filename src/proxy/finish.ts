/**
 * The ends that a request can come to: an answer handed over to the relay, an upstream's
 * refusal handed out whole, our own refusal, or a client that left. Each books its row
 * first. Must not ask for another attempt.
 */
import { type Headers, isOfType } from '../core/headers.ts'
import type { Outcome } from '../core/ledger.ts'
import type { Verdict } from '../core/verdict.ts'
import { readErrorEnvelope, writeErrorEnvelope } from '../dialects/messages/error.ts'
import { answerVerdict } from './answer.ts'
import type { KeptAnswer } from './attempt.ts'
import { own } from './bind.ts'
import type { ProxyContext } from './context.ts'
import { readOn, withOwnResults } from './created.ts'
import { toClientHeaders } from './headers.ts'
import type { Begun } from './hold.ts'
import { book, type Job, withoutSecrets } from './job.ts'
import { relay } from './relay.ts'

export async function handOver(job: Job, begun: Begun, context: ProxyContext): Promise<void> {
  const headers = toClientHeaders(begun.answer.headers, ownHeaders(job), keepsLimits(context))
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
  job.reply.start(status, toClientHeaders(headers, ownHeaders(job), keepsLimits(context)), body.length)
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
  answerVerdict(job.reply, verdict, { id: job.id, attempts: job.record.attempts.length })
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
  ]
}

/** With one account and no client keys, the account's limits are the client's own. */
function keepsLimits({ settings, pool, keys }: ProxyContext): boolean {
  const { limitHeaders } = settings()
  return (
    limitHeaders === 'keep' ||
    (limitHeaders === 'auto' && pool.views().length <= 1 && keys.all().length === 0)
  )
}
