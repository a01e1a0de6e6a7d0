/**
 * Counts wrong credentials by address. Only wrong ones are ever refused for it: a limit that
 * shut the right key out too would let anybody lock an operator out.
 */
import { MINUTE } from '../core/time.ts'
import { createAttempts } from '../door/attempts.ts'

/** Called for each wrong credential; true when this address has had its share for the minute. */
export function createAttemptLimit(mostAMinute: number, elapsed: () => number): (peer: string) => boolean {
  const attempts = createAttempts({ most: mostAMinute, windowMs: MINUTE, elapsed })
  return (peer) => !attempts.take(peer)
}
