/**
 * Writes that may wait a moment: what changes with every request (bindings, sessions,
 * windows) is kept in memory and written with the ledger's next batch, the newest state of
 * each thing only.
 */
import type { Statement } from './database.ts'

export interface WriteBehind {
  /** Writes what `make` returns at the time of the next batch; a later call with the same key replaces it. */
  defer(key: string, make: () => Statement): void
  /** As `defer`, and the next batch is written at once. */
  hurry(key: string, make: () => Statement): void
}
