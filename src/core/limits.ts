/**
 * A provider's own windows: what they are called, how much is used, when they begin anew.
 * Only what a provider said is written here; an absent window is absent, not empty. Must
 * not estimate anything.
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
  readonly readAt: Millis
}

/** Newer readings replace older ones of the same window; windows not mentioned stay. */
export function withReadings(known: readonly Window[], readings: readonly Window[]): readonly Window[] {
  if (readings.length === 0) return known
  const names = new Set(readings.map((window) => window.name))
  return [...known.filter((window) => !names.has(window.name)), ...readings].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )
}
