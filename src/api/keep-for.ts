/** Keeps the latest result of costly work for a while: who asks meanwhile gets the same, also while it is being done. */
import type { Clock } from '../core/ports/clock.ts'

/** Another key is other work, and forgets the one before. */
export type Kept<T> = (key: string, work: () => Promise<T>) => Promise<T>

export function keepFor<T>(ms: number, { elapsed }: Pick<Clock, 'elapsed'>): Kept<T> {
  let kept: { readonly key: string; readonly at: number; readonly result: Promise<T> } | undefined
  return (key, work) => {
    if (kept !== undefined && kept.key === key && elapsed() - kept.at < ms) return kept.result
    const next = { key, at: elapsed(), result: work() }
    kept = next
    // What failed is tried again by whoever asks next.
    next.result.catch(() => {
      if (kept === next) kept = undefined
    })
    return next.result
  }
}
