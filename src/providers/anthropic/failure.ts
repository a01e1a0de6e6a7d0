/**
 * Whose fault an Anthropic answer is: the table of `wire.md` §1.6–1.7 as code. Reads status,
 * error type and error code; of the messages only those that the reference names. Where the
 * evidence blames nobody, nobody is blamed.
 */
import type { Failure } from '../../core/failure.ts'
import { headerOf } from '../../core/headers.ts'
import { DAY, HOUR, later, MINUTE, readDate, SECOND } from '../../core/time.ts'
import { type ErrorEnvelope, readErrorEnvelope } from '../../dialects/messages/error.ts'
import type { ErrorAnswer } from '../provider.ts'
import { readLimitFailure } from './rate-limit.ts'
import { ACCOUNT, modelScope, REQUEST } from './scope.ts'

export function readAnthropicFailure(answer: ErrorAnswer): Failure | undefined {
  const envelope = readErrorEnvelope(answer.body) ?? NO_ENVELOPE
  const failure = readByStatus(answer, envelope)
  return failure === undefined ? undefined : withFinality(failure, answer)
}

export function withFinality(failure: Failure, { headers }: Pick<ErrorAnswer, 'headers'>): Failure {
  const isFinal = headerOf(headers, 'x-should-retry') === 'false'
  return isFinal ? { ...failure, final: true } : failure
}

const NO_ENVELOPE: ErrorEnvelope = { type: '', message: '', code: undefined }

function readByStatus(answer: ErrorAnswer, envelope: ErrorEnvelope): Failure | undefined {
  switch (answer.status) {
    case 400:
      return readBadRequest(answer, envelope)
    case 401:
      return { cause: 'unauthorized', scope: ACCOUNT, evidence: 'its credential was refused (401)' }
    case 402:
      return readBilling(answer, envelope)
    case 403:
      return readForbidden(answer, envelope)
    case 404:
      return readNotFound(answer, envelope)
    case 407:
      return { cause: 'egress-proxy', scope: REQUEST, evidence: 'the network’s proxy wants a login (407)' }
    case 408:
      return { cause: 'request-timeout', scope: REQUEST, evidence: 'it timed out (408)' }
    case 409:
      return { cause: 'conflict', scope: REQUEST, evidence: 'it reported a conflict (409)' }
    case 429:
      return FOREIGN_THINKING.test(envelope.message) ? undefined : readLimitFailure(answer, envelope)
    default:
      return readTrouble(answer.status, envelope)
  }
}

/** A 400 that some resellers call a 429: unchanged it fails everywhere and forever (`wire.md` §1.6, §1.8). */
const FOREIGN_THINKING = /^messages\.\d+\.content\.\d+: Invalid `signature` in `thinking` block/

/** What names no end is looked at again this soon. */
export const PROBE_AGAIN_MS = 5 * MINUTE

function readTrouble(status: number, { type }: ErrorEnvelope): Failure | undefined {
  if (status === 529 || (status >= 500 && type === 'overloaded_error')) {
    return { cause: 'overloaded', scope: REQUEST, evidence: `its provider is overloaded (${status})` }
  }
  if (status >= 500) return { cause: 'server-error', scope: REQUEST, evidence: `it answered ${status}` }
  const isRedirect = status >= 300 && status < 400 && status !== 304
  return isRedirect
    ? { cause: 'redirect', scope: REQUEST, evidence: `it redirected the request elsewhere (${status})` }
    : undefined
}

const SPEND_LIMIT = /^You have reached your specified .*API usage limits/
const REGAIN = /(\d{4}-\d{2}-\d{2})(?: at (\d{2}:\d{2}) UTC)?/

/** A few 400s speak about the account; all others are the request's own. */
function readBadRequest(answer: ErrorAnswer, { message, code }: ErrorEnvelope): Failure | undefined {
  const { now } = answer
  if (SPEND_LIMIT.test(message)) {
    const [, day, time = '00:00'] = REGAIN.exec(message) ?? []
    const date = day === undefined ? undefined : readDate(`${day}T${time}:00Z`)
    const waitMs = date === undefined ? HOUR : Math.min(31 * DAY, Math.max(SECOND, date - now))
    return {
      cause: 'spend-limit',
      scope: ACCOUNT,
      evidence: 'its spend limit is reached (400)',
      until: later(now, waitMs),
    }
  }
  if (message.startsWith('Your credit balance is too low') || code === 'organization_on_hold') {
    const evidence =
      code === undefined ? 'its credit balance is too low (400)' : 'its organization is on hold (400)'
    return { cause: 'billing', scope: ACCOUNT, evidence, until: later(now, PROBE_AGAIN_MS) }
  }
  if (!/extra usage/i.test(message)) return undefined
  const evidence = 'its plan would need extra usage for this request (400)'
  return { cause: 'context-limit', scope: modelScope(answer), evidence, until: later(now, PROBE_AGAIN_MS) }
}

/** Some payment problems are those of an organization that the request names, not of the account. */
function readBilling({ now }: ErrorAnswer, { code }: ErrorEnvelope): Failure | undefined {
  if (code?.startsWith('linked_organization_')) return undefined
  const evidence = 'its provider reports a payment problem (402)'
  return { cause: 'billing', scope: ACCOUNT, evidence, until: later(now, PROBE_AGAIN_MS) }
}

const WHOLE_ACCOUNT = /organi[sz]ation has been disabled|account (?:has been|is) (?:disabled|suspended)/i

/** Refusals of the whole organization are the account's; others concern a model, if anything (G7). */
function readForbidden(answer: ErrorAnswer, { code, message }: ErrorEnvelope): Failure {
  const { model, now } = answer
  const until = later(now, PROBE_AGAIN_MS)
  if (code === 'oauth_not_allowed_for_organization' || WHOLE_ACCOUNT.test(message)) {
    return {
      cause: 'forbidden',
      scope: ACCOUNT,
      evidence: 'its provider refuses the whole account (403)',
      until,
    }
  }
  const evidence = `it may not serve ${model ?? 'this request'} (403)`
  return { cause: 'forbidden', scope: modelScope(answer), evidence, until }
}

const NOT_A_MODEL = /file|container|thread|skill|batch|message/i

/** A 404 for inference is about the model unless it names something else; elsewhere it is the request's own. */
function readNotFound(answer: ErrorAnswer, { type, message, code }: ErrorEnvelope): Failure | undefined {
  const { model, now } = answer
  if (model === undefined) return undefined
  if (type === '') {
    const evidence = 'it answered 404 without an error message; is its base URL right?'
    return { cause: 'bad-response', scope: REQUEST, evidence }
  }
  const isModel = code === undefined && (/model/i.test(message) || !NOT_A_MODEL.test(message))
  if (!isModel) return undefined
  const evidence = `it does not know ${model} (404)`
  return { cause: 'model-not-found', scope: modelScope(answer), evidence, until: later(now, PROBE_AGAIN_MS) }
}
