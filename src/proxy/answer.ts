/**
 * Answers of our own, in the client's dialect: what went wrong, for whom, until when. Must
 * not decide a status beyond the table in core/error.ts.
 */
import { type ErrorCode, type GatewayError, STATUS_OF } from '../core/error.ts'
import type { Headers } from '../core/headers.ts'
import type { Reply } from '../core/ports/client.ts'
import type { Verdict } from '../core/verdict.ts'
import { writeErrorEnvelope } from '../dialects/messages/error.ts'

/** A wrong key does not become right by asking again. */
const RETRY_HINTS: Partial<Record<ErrorCode, Headers>> = {
  unauthenticated: [['x-should-retry', 'false']],
  'too-many-attempts': [['retry-after', '60']],
  runaway: [['x-should-retry', 'false']],
}

/** The request that is answered; `attempts` only where it has a row in the ledger. */
interface Answered {
  readonly id: string
  readonly attempts?: number
}

export function answerError(reply: Reply, error: GatewayError, answered: Answered): void {
  const status = STATUS_OF[error.code]
  const retry = RETRY_HINTS[error.code] ?? []
  const text = writeErrorEnvelope(status, error.message, answered.id)
  sendJson(reply, status, text, [...retry, ...ownHeaders(answered)])
}

export function answerVerdict(
  reply: Reply,
  verdict: Extract<Verdict, { kind: 'own' }>,
  answered: Answered,
  limits: Headers,
): void {
  const { status, message, retryAfterSeconds, shouldRetry } = verdict
  sendJson(reply, status, writeErrorEnvelope(status, message, answered.id), [
    ...(retryAfterSeconds === undefined ? [] : [['retry-after', String(retryAfterSeconds)] as const]),
    ...(shouldRetry === undefined ? [] : [['x-should-retry', String(shouldRetry)] as const]),
    ...limits,
    ...ownHeaders(answered),
  ])
}

function sendJson(reply: Reply, status: number, text: string, headers: Headers): void {
  const body = Buffer.from(text)
  reply.start(status, [['content-type', 'application/json'], ...headers], body.length)
  reply.end(body)
}

const ownHeaders = ({ id, attempts }: Answered): Headers =>
  attempts === undefined
    ? []
    : [
        ['x-spillway-request-id', id],
        ['x-spillway-attempts', String(attempts)],
      ]
