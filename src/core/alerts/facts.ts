/**
 * What is so at one moment, as rules look at it: live it comes from the pool, in a preview from
 * what was remembered. Types only.
 */
import type { Window } from '../limits.ts'
import type { AccountState } from '../state.ts'
import type { Millis } from '../time.ts'
import type { Scope } from './rule.ts'
import type { Timeline } from './traffic.ts'

export interface AccountFact {
  readonly id: string
  readonly name: string
  readonly groups: readonly string[]
  readonly state: AccountState
  /** As they were read last. */
  readonly windows: readonly Window[]
}

/** A sum that may be used up in a period, and how much of it is. */
export interface BudgetFact {
  /** "pool default, group work", "key ci". */
  readonly name: string
  readonly group?: string
  /** The key's id. */
  readonly key?: string
  readonly used: number
  readonly limit: number
  readonly unit: 'USD' | 'tokens'
  /** "day", "week", …: for the sentence. */
  readonly period: string
}

export type Runway =
  | { readonly kind: 'unknown' }
  /** Undefined: as far as can be seen. */
  | { readonly kind: 'safe'; readonly until: Millis | undefined }
  | { readonly kind: 'out'; readonly until: Millis | undefined }

export interface Facts {
  readonly accounts: readonly AccountFact[]
  readonly budgets: readonly BudgetFact[]
  readonly runway: Runway
  /** For as long back as the longest rule looks. */
  readonly traffic: (scope: Scope) => Timeline
}
