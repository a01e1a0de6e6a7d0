/** A promise with a limit, so that what never happens fails in words and not by the runner’s limit. */

const PATIENCE_MS = 10_000

export async function within<T>(promise: Promise<T>, what: string, ms = PATIENCE_MS): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`Waited ${ms} ms in vain for ${what}.`)), ms)
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
