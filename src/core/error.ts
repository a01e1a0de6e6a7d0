/**
 * The errors that end a request on purpose. `code` is a closed union; one table turns it
 * into an HTTP status and a wire type. Anything else that is thrown is a bug: it is logged
 * whole and shown as "Internal error." Messages are sentences without secrets.
 */

export type ErrorCode =
  | 'bad-request'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'method-not-allowed'
  | 'request-timeout'
  | 'conflict'
  | 'too-large'
  | 'unsupported-encoding'
  | 'misdirected'
  | 'too-many-attempts'
  | 'runaway'
  | 'unavailable'
  | 'storage-full'
  | 'internal'

export class GatewayError extends Error {
  readonly code: ErrorCode
  readonly details: readonly ErrorDetail[] | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: readonly ErrorDetail[] } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'GatewayError'
    this.code = code
    this.details = options.details
  }
}

/** One thing that is wrong with an input, and where it stands. */
export interface ErrorDetail {
  readonly path: string
  readonly message: string
}

export const STATUS_OF: Readonly<Record<ErrorCode, number>> = {
  'bad-request': 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'request-timeout': 408,
  conflict: 409,
  'too-large': 413,
  'unsupported-encoding': 415,
  misdirected: 421,
  'too-many-attempts': 429,
  runaway: 429,
  unavailable: 503,
  'storage-full': 507,
  internal: 500,
}

/** What a client may be told of anything thrown. */
export const toGatewayError = (thrown: unknown): GatewayError =>
  thrown instanceof GatewayError ? thrown : new GatewayError('internal', 'Internal error.', { cause: thrown })

/** The words of anything thrown, for sentences to people. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown)
