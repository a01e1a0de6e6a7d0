/**
 * How vendors of Anthropic's dialect say what went wrong, in one shape, and the failures that
 * follow from it. A vendor's own cases come first; everything else is read as Anthropic's
 * (`wire.md` §4.3). Nothing is benched without evidence, and nothing longer than the evidence.
 */
import type { Cause, Failure } from '../core/failure.ts'
import { describeLength, later, type Millis } from '../core/time.ts'
import { PROBE_AGAIN_MS, readAnthropicFailure, withFinality } from './anthropic/failure.ts'
import { readRetryAfter, windowLengthMs } from './anthropic/limits.ts'
import { bounded } from './anthropic/rate-limit.ts'
import { ACCOUNT, modelScope, paceScope, REQUEST } from './anthropic/scope.ts'
import { type Fields, fieldsOf, readObject, readText } from './fields.ts'
import { given } from './given.ts'
import type { ErrorAnswer, Provider } from './provider.ts'

/** An error as far as any vendor says it; what is not said is ''. */
export interface VendorError {
  readonly type: string
  /** Numbers as text: "402", "1308". */
  readonly code: string
  readonly message: string
  /** Whatever stands beside the error, and in it. */
  readonly metadata: Fields
  /** The whole body. */
  readonly body: Fields
}

/** What a vendor's own words mean: a failure, the request's own fault, or nothing that Anthropic's reader would not know. */
export type VendorVerdict = Failure | 'own' | undefined

export type ReadVendorError = (error: VendorError, answer: ErrorAnswer) => VendorVerdict

export const vendorFailure =
  (read: ReadVendorError): Provider['readFailure'] =>
  (answer) => {
    const error = readVendorError(answer.body)
    const verdict = error === undefined ? undefined : read(error, answer)
    if (verdict === 'own') return undefined
    return verdict === undefined ? readAnthropicFailure(answer) : withFinality(verdict, answer)
  }

/** Undefined when the text is not one JSON object. */
function readVendorError(text: string): VendorError | undefined {
  const body = readObject(text)
  if (body === undefined) return undefined
  const error = fieldsOf(body.error)
  return {
    type: readText(error.type) ?? '',
    code: toCode(error.code ?? body.code),
    message: readText(error.message) ?? readText(body.error) ?? readText(body.msg) ?? '',
    metadata: { ...fieldsOf(body.metadata), ...fieldsOf(error.metadata) },
    body,
  }
}

export const toCode = (value: unknown): string =>
  typeof value === 'number' || typeof value === 'string' ? String(value) : ''

interface Spent {
  /** As usage readings call it; undefined where the words leave open which one it is. */
  readonly window?: string | undefined
  /** When it opens again, where the words say so. */
  readonly until?: Millis | undefined
}

/** A window of the account that is spent: until its own end, else the named wait, else a new look soon. */
export function spentWindow(answer: ErrorAnswer, { window, until }: Spent): Failure {
  const { headers, now, status } = answer
  const waitMs = until === undefined ? (readRetryAfter(headers, now) ?? PROBE_AGAIN_MS) : until - now
  const longestMs = window === undefined ? undefined : windowLengthMs(window)
  return {
    cause: 'window-spent',
    scope: ACCOUNT,
    evidence: `its ${window === undefined ? 'plan’s quota' : `${window} window`} is spent (${status})`,
    until: later(now, bounded(waitMs, longestMs)),
    ...given({ window }),
  }
}

/** Too fast: as long as the answer says; an answer that says nothing benches nobody (G7). */
export function throttled(answer: ErrorAnswer, what: string, saidMs?: number): Failure {
  const { headers, now, status } = answer
  const waitMs = readRetryAfter(headers, now) ?? saidMs
  if (waitMs === undefined) {
    return { cause: 'throttled', scope: REQUEST, evidence: `it throttles ${what} (${status})` }
  }
  const boundedMs = bounded(waitMs)
  return {
    cause: 'throttled',
    scope: paceScope(answer),
    evidence: `it throttles ${what} for ${describeLength(boundedMs)} (${status})`,
    until: later(now, boundedMs),
  }
}

/** Something about the account that only its owner can mend: looked at again soon, for he may have. */
export const accountTrouble = (
  { now, status }: ErrorAnswer,
  cause: Extract<Cause, 'billing' | 'spend-limit' | 'forbidden'>,
  evidence: string,
): Failure => ({
  cause,
  scope: ACCOUNT,
  evidence: `${evidence} (${status})`,
  until: later(now, PROBE_AGAIN_MS),
})

export const refusedCredential = ({ status }: ErrorAnswer): Failure => ({
  cause: 'unauthorized',
  scope: ACCOUNT,
  evidence: `its credential was refused (${status})`,
})

/** The account is well, but not for this model. */
export const modelTrouble = (
  answer: ErrorAnswer,
  cause: Extract<Cause, 'forbidden' | 'model-not-found'>,
): Failure => ({
  cause,
  scope: modelScope(answer),
  evidence:
    cause === 'forbidden'
      ? `its plan does not serve ${answer.model ?? 'this request'} (${answer.status})`
      : `it does not know ${answer.model ?? 'the model'} (${answer.status})`,
  until: later(answer.now, PROBE_AGAIN_MS),
})

/** Trouble of the vendor's own, worth another account and nobody's blame. */
export const serverTrouble = (
  { status }: ErrorAnswer,
  cause: Extract<Cause, 'overloaded' | 'server-error' | 'request-timeout' | 'conflict'>,
): Failure => ({ cause, scope: REQUEST, evidence: `${TROUBLES[cause]} (${status})` })

const TROUBLES = {
  overloaded: 'its provider is overloaded',
  'server-error': 'its provider has an error of its own',
  'request-timeout': 'it timed out',
  conflict: 'it reported a conflict',
} as const
