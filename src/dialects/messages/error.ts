/**
 * The error envelope of the Messages API (`wire.md` §1.6): reading it out of an answer or an
 * event, and writing our own. Must not choose a status.
 */
import { isObject } from './usage.ts'

export interface ErrorEnvelope {
  /** "rate_limit_error", "overloaded_error", …; an open set. */
  readonly type: string
  readonly message: string
  /** `details.error_code`, where there is one. */
  readonly code: string | undefined
}

/** Undefined when the text is not an error envelope of any known shape. */
export function readErrorEnvelope(text: string): ErrorEnvelope | undefined {
  if (!text.trimStart().startsWith('{')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (!isObject(value) || !isObject(value.error)) return undefined
    const { type, message, details, code } = value.error
    const detail = isObject(details) ? details.error_code : undefined
    return {
      type: typeof type === 'string' ? type : '',
      message: typeof message === 'string' ? message : '',
      code: firstString(detail, code),
    }
  } catch {
    return undefined
  }
}

const firstString = (...values: readonly unknown[]): string | undefined =>
  values.find((value): value is string => typeof value === 'string')

/** The wire's type for a status (`wire.md` §1.6). */
export function errorTypeOf(status: number): string {
  switch (status) {
    case 400:
    case 415:
    case 421:
    case 422:
      return 'invalid_request_error'
    case 401:
      return 'authentication_error'
    case 402:
      return 'billing_error'
    case 403:
      return 'permission_error'
    case 404:
    case 405:
      return 'not_found_error'
    case 409:
      return 'conflict_error'
    case 413:
      return 'request_too_large'
    case 429:
      return 'rate_limit_error'
    case 408:
    case 504:
      return 'timeout_error'
    case 529:
      return 'overloaded_error'
    default:
      return 'api_error'
  }
}

export const writeErrorEnvelope = (status: number, message: string, requestId: string | undefined): string =>
  JSON.stringify({
    type: 'error',
    error: { type: errorTypeOf(status), message },
    ...(requestId === undefined ? {} : { request_id: requestId }),
  })

const STATUS_OF_TYPE: ReadonlyMap<string, number> = new Map([
  ['invalid_request_error', 400],
  ['authentication_error', 401],
  ['billing_error', 402],
  ['permission_error', 403],
  ['not_found_error', 404],
  ['conflict_error', 409],
  ['request_too_large', 413],
  ['rate_limit_error', 429],
  ['timeout_error', 504],
  ['overloaded_error', 529],
])

/** The status that an error inside a 200 answer would have had. */
export const statusOfType = (type: string): number => STATUS_OF_TYPE.get(type) ?? 500
