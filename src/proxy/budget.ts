/**
 * The retry budget: attempts on endpoints that have just been failing may make up a fifth
 * of recent requests, so that a provider in trouble meets 1.2 times its load and not three
 * times. A floor keeps a single user's retries alive. Must not decide what is a retry.
 */

export interface RetryBudget {
  /** A client's request has come. */
  request(): void
  /** A retry is being made. */
  spend(): void
  left(): number
}

const BUCKETS = 10
const BUCKET_MS = 1_000
const SHARE = 0.2
const FLOOR = 10

export function createRetryBudget(elapsed: () => number): RetryBudget {
  const requests = new Array<number>(BUCKETS).fill(0)
  const retries = new Array<number>(BUCKETS).fill(0)
  let current = 0

  /** Empties the buckets that time has passed over. */
  const index = (): number => {
    const bucket = Math.floor(elapsed() / BUCKET_MS)
    for (let at = Math.max(current + 1, bucket - BUCKETS + 1); at <= bucket; at++) {
      requests[at % BUCKETS] = 0
      retries[at % BUCKETS] = 0
    }
    current = Math.max(current, bucket)
    return current % BUCKETS
  }
  const add = (counts: number[]): void => {
    const at = index()
    counts[at] = (counts[at] ?? 0) + 1
  }
  return {
    request: () => add(requests),
    spend: () => add(retries),
    left() {
      index()
      return Math.floor(Math.max(FLOOR, sum(requests) * SHARE)) - sum(retries)
    },
  }
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)
