/**
 * What is wrong at the moment, as /health tells it: every part that can notice something adds
 * a source of sentences. A sentence names the thing and says what to do.
 */
export interface Problems {
  /** Asked at each look at /health, so it must be cheap and must not throw. */
  add(source: () => readonly string[]): void
  list(): readonly string[]
}

export function createProblems(...first: readonly (() => readonly string[])[]): Problems {
  const sources = [...first]
  return {
    add: (source) => void sources.push(source),
    list: () => sources.flatMap((source) => source()),
  }
}
