/**
 * Counts wrong credentials by address. Only wrong ones are ever refused for it: a limit that
 * shut the right key out too would let anybody lock an operator out.
 */

const MINUTE_MS = 60_000
const MOST_PEERS = 10_000

/** Called for each wrong credential; true when this address has had its share for the minute. */
export function createAttemptLimit(mostAMinute: number, elapsed: () => number): (peer: string) => boolean {
  const attempts = new Map<string, { count: number; readonly since: number }>()
  return (peer) => {
    const now = elapsed()
    const known = attempts.get(peer)
    if (known === undefined || now - known.since > MINUTE_MS) {
      if (attempts.size >= MOST_PEERS) attempts.clear()
      attempts.set(peer, { count: 1, since: now })
      return false
    }
    known.count++
    return known.count > mostAMinute
  }
}
