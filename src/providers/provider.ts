/**
 * What a provider is to Spillway: a description that addresses, signs and reads. It never
 * sends, waits or decides; a new compatible provider is a row of about twenty lines.
 */
import type { Failure } from '../core/failure.ts'
import type { Headers } from '../core/headers.ts'
import type { Limits, Window } from '../core/limits.ts'
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
  /** How an account comes by its credential: a key, a key where the endpoint asks for one, or a sign-in. */
  readonly credential: 'key' | 'optional-key' | 'sign-in'
  /** Names that it is known to serve; examples, not a limit. Empty where every deployment has its own. */
  readonly models: readonly string[]
  /** What its users trip over, a sentence each; for people. */
  readonly notes: readonly string[]
  /** The headers that carry the account's credential. */
  sign(secret: string): Headers
  /** Values that `anthropic-beta` must hold beside the client's own. */
  readonly betas?: readonly string[]
  /**
   * Whose fault an answer is, as `wire.md` §1.6–1.7 and §4.3 read it; undefined when it is
   * the request's own, which goes back to the client untouched.
   */
  readFailure(answer: ErrorAnswer): Failure | undefined
  /** What the headers of any answer tell of the account's limits; undefined when they tell nothing. */
  readLimits(headers: Headers, now: Millis): Limits | undefined
  /**
   * The status that a whole JSON answer with status 200 should have had, where it is an
   * error after all; undefined when it is none. Only for providers that do so (`wire.md` §4.3).
   */
  readHiddenError?(body: string): number | undefined
  /** Where it tells an account's quota or balance when asked. */
  readonly usage?: UsageEndpoint
}

export interface UsageEndpoint {
  /** Undefined: the origin of the account's base URL. An account with a base URL of its own is always asked there. */
  readonly origin?: string
  /** From the origin's root, with its query. */
  readonly path: string
  /** Ways to show the credential; each next one is tried when the one before was refused. */
  readonly signs: readonly ((secret: string) => Headers)[]
  /** The least time between two polls of one account. */
  readonly everyMs: number
  read(answer: UsageAnswer): UsageReading
}

export interface UsageAnswer {
  /** Who was asked: "api.moonshot.cn". Some count in another money elsewhere and do not say so. */
  readonly host?: string
  readonly status: number
  readonly headers: Headers
  readonly body: string
  readonly now: Millis
}

export type UsageReading =
  | { readonly kind: 'windows'; readonly windows: readonly Window[] }
  /** The credential is not enough to ask this. */
  | { readonly kind: 'refused'; readonly evidence: string }
  /** Limited, in trouble or not understood: asked again later, not before `waitMs` where it was named. */
  | { readonly kind: 'later'; readonly evidence: string; readonly waitMs?: number }
