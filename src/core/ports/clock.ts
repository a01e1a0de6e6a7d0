/** Time and chance, which the core takes as arguments and the shell takes from here. */
import type { Millis } from '../time.ts'

export interface Clock {
  /** Wall-clock time: for what is stored or shown, and for times that providers name. */
  now(): Millis
  /** Milliseconds that only grow: for durations and time limits. */
  elapsed(): number
  /** Resolves after `ms`, at once when the signal fires. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Runs `action` after `ms` unless the returned function is called before. */
  after(ms: number, action: () => void): () => void
  /** Between 0 and 1. */
  chance(): number
}
