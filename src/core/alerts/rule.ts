/**
 * What an operator wants to be told of: a condition, for whom it is looked at, how loud it is,
 * and when not to say it again. Types only; what is so is evaluate.ts, how it is told is
 * channel.ts.
 */
import type { AccountState } from '../state.ts'
import type { Millis } from '../time.ts'

export const SEVERITIES = ['info', 'warning', 'critical'] as const
export type Severity = (typeof SEVERITIES)[number]

/** The states of an account that somebody may want to be told of. */
export type TroubleState = Extract<AccountState['kind'], 'cooling' | 'needs-login' | 'error'>

/** Shares are fractions: 0.9 is 90 %. */
export type Condition =
  /** An account has been in one of these states for longer than `forMs`. */
  | { readonly kind: 'account-state'; readonly states: readonly TroubleState[]; readonly forMs: number }
  /** `window` undefined: any of hours or days. */
  | { readonly kind: 'window-above'; readonly window: string | undefined; readonly share: number }
  /** The pool is safe for less than that, nine times of ten; or nobody can take requests now. */
  | { readonly kind: 'runway-below'; readonly ms: number }
  | { readonly kind: 'budget-above'; readonly share: number }
  /** Of at least `atLeast` requests in `overMs` more than `share` had no good answer. */
  | {
      readonly kind: 'error-rate'
      readonly share: number
      readonly overMs: number
      readonly atLeast: number
    }
  | { readonly kind: 'spend-above'; readonly usdPerHour: number }
  /** Of at least `atLeast` input tokens in `overMs` fewer than `below` came from a cache, or `fallsBy` fewer than the day before. */
  | {
      readonly kind: 'cache-hit'
      readonly below: number | undefined
      readonly fallsBy: number | undefined
      readonly overMs: number
      readonly atLeast: number
    }
  /** A window that was used by more than `share` has begun anew. */
  | { readonly kind: 'window-reset'; readonly window: string | undefined; readonly share: number }

export type ConditionKind = Condition['kind']

/** All of it has to fit; nothing said: everybody. Ids, so that another name changes nothing. */
export interface Scope {
  readonly account?: string
  readonly group?: string
  readonly key?: string
  /** A model or a family. */
  readonly model?: string
}

export interface AlertRule {
  readonly id: string
  readonly name: string
  readonly when: Condition
  readonly scope: Scope
  readonly severity: Severity
  readonly isEnabled: boolean
  /** So long after it has fired it does not fire again for the same subject. */
  readonly cooldownMs: number
  /** Until then it is written down and not told to anybody. */
  readonly mutedUntil: Millis | undefined
  /** Ids of channels; undefined: every one. */
  readonly channels: readonly string[] | undefined
  readonly createdAt: Millis
}

/** What a rule may be narrowed to. */
export const SCOPES_OF: Readonly<Record<ConditionKind, readonly (keyof Scope)[]>> = {
  'account-state': ['account', 'group'],
  'window-above': ['account', 'group'],
  'runway-below': [],
  'budget-above': ['group', 'key'],
  'error-rate': ['account', 'group', 'key', 'model'],
  'spend-above': ['account', 'group', 'key', 'model'],
  'cache-hit': ['account', 'group', 'key', 'model'],
  'window-reset': ['account', 'group'],
}
