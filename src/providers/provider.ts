/**
 * What a provider is to Spillway: a description that addresses, signs and reads. It never
 * sends, waits or decides; a new compatible provider is a row of about twenty lines.
 */
import type { Failure } from '../core/failure.ts'
import type { Headers } from '../core/headers.ts'
import type { Window } from '../core/limits.ts'
import type { Millis } from '../core/time.ts'

/** An answer that is not the one hoped for. */
export interface ErrorAnswer {
  readonly status: number
  readonly headers: Headers
  /** The body as far as it was read, as text. */
  readonly body: string
  /** The model that the account was asked for; undefined where the endpoint has none. */
  readonly model: string | undefined
  /** Not inference itself (token counts, files, …): such an answer never speaks about an account's models. */
  readonly isSide: boolean
  readonly now: Millis
}

export interface Provider {
  readonly id: string
  /** For people. */
  readonly label: string
  readonly dialect: 'anthropic'
  /** Undefined: every account names its own base URL. */
  readonly baseUrl: string | undefined
  /** The headers that carry the account's credential. */
  sign(secret: string): Headers
  /**
   * Whose fault an answer is, as `wire.md` §1.6–1.7 reads it; undefined when it is the
   * request's own, which goes back to the client untouched.
   */
  readFailure(answer: ErrorAnswer): Failure | undefined
  /** The provider's windows as far as the headers of any answer tell them. */
  readWindows(headers: Headers, now: Millis): readonly Window[]
}
