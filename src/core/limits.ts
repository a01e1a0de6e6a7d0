/**
 * What a provider says of an account's limits: its windows (what they are called, how much is
 * used, when they begin anew), its word for the account, its paid overage. Only what a
 * provider said is written here; an absent window is absent, not empty. Must not estimate.
 */
import type { Millis } from './time.ts'

export interface Window {
  /** "5h", "7d", "7d_opus", or a per-minute meter such as "requests/min". */
  readonly name: string
  /** A fraction: 0.42 is 42 %; may exceed 1. */
  readonly utilization?: number
  readonly resetsAt?: Millis
  /** In the provider's words: "allowed", "allowed_warning", "rejected", … */
  readonly status?: string
  /** What is left in the window's own unit, for balances and counted quotas. */
  readonly remaining?: number
  /** The unit of `remaining`: "USD", "CNY", "requests", … */
  readonly unit?: string
  readonly readAt: Millis
}

/** Whether use beyond the plan is paid for, in the provider's words (`wire.md` §1.7). */
export interface Overage {
  readonly inUse: boolean
  readonly status?: string
  /** A fraction, as of windows. */
  readonly utilization?: number
  readonly resetsAt?: Millis
  readonly disabledReason?: string
}

/** Everything that one answer says of the account that gave it. */
export interface Limits {
  readonly windows: readonly Window[]
  /** Of the account as a whole: "allowed", "queueing_soft", "payment_required", … */
  readonly status?: string
  readonly overage?: Overage
  /** `anthropic-organization-id`. */
  readonly organization?: string
}

/** Newer readings replace older ones of the same window; windows not mentioned stay. */
export function withReadings(known: readonly Window[], readings: readonly Window[]): readonly Window[] {
  if (readings.length === 0) return known
  const names = new Set(readings.map((window) => window.name))
  return [...known.filter((window) => !names.has(window.name)), ...readings].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )
}
