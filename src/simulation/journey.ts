/** One simulated request on its way, and who is told of it. Types only. */
import type { Failure } from '../core/failure.ts'
import type { Window } from '../core/limits.ts'
import type { Step } from '../core/route.ts'
import type { FailedAttempt, Situation } from '../core/situation.ts'
import type { Millis } from '../core/time.ts'
import type { Usage } from '../core/usage.ts'
import type { Verdict } from '../core/verdict.ts'
import type { AskedFacts } from '../proxy/situation.ts'
import type { TraceAccount, TraceRequest } from './trace.ts'

export type SendStep = Extract<Step, { kind: 'send' }>
export type WaitStep = Extract<Step, { kind: 'wait' }>

export interface Journey {
  /** Its place in the trace. */
  readonly number: number
  readonly request: TraceRequest
  readonly facts: AskedFacts
  readonly startedAt: Millis
  readonly failed: FailedAttempt[]
  readonly leaving: AbortController | undefined
  waitedMs: number
  isUrgent: boolean
  isOver: boolean
  /** Gives up the place that it has on an account. */
  done: (() => void) | undefined
}

export interface Attempt {
  readonly account: TraceAccount
  readonly model: string
}

export interface Answered extends Attempt {
  readonly sentAt: Millis
  readonly usage: Usage
  readonly costUsd: number | undefined
  readonly isTruncated: boolean
}

export type Ending =
  | { readonly kind: 'answered' }
  /** The client's own mistake, in the upstream's words. */
  | { readonly kind: 'client-error'; readonly status: number }
  | { readonly kind: 'refused'; readonly status: number; readonly verdict: Verdict }
  | { readonly kind: 'left' }

/** Told of everything just before the gateway hears of it. */
export interface Watcher {
  stepped?(journey: Journey, situation: Situation, step: Step): void
  /** It has its place on the account and is on its way. */
  sent?(journey: Journey, attempt: Attempt, now: Millis): void
  /** It is over: failed, answered, refused, or left by its client. */
  returned?(journey: Journey, attempt: Attempt, now: Millis): void
  failed?(journey: Journey, attempt: Attempt & { readonly failure: Failure }, now: Millis): void
  /** What `failed` had failed, another account has served. */
  othersSucceeded?(journey: Journey, failed: FailedAttempt, now: Millis): void
  /** The account took the request; its client has begun to get an answer. */
  took?(journey: Journey, attempt: Attempt, now: Millis): void
  /** The pool has taken in what was just told. */
  noted?(journey: Journey): void
  /** The answer is over. */
  answered?(journey: Journey, answered: Answered, now: Millis): void
  ended?(journey: Journey, ending: Ending, now: Millis): void
  polled?(account: TraceAccount, windows: readonly Window[], now: Millis): void
  /** No more happens. */
  finished?(now: Millis): void
}
