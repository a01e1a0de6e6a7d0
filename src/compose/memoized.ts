/** A value that follows the configuration. */

/** Made anew only when the configuration has changed. */
export function memoized<From extends object, To>(read: () => From, make: (from: From) => To): () => To {
  let from = read()
  let made = make(from)
  return () => {
    const next = read()
    if (next !== from) {
      from = next
      made = make(next)
    }
    return made
  }
}
