/** The one thing that a test is about: fails with words where it is missing or not alone. */

export function only<T>(list: readonly T[]): T {
  const [first] = list
  if (first === undefined || list.length > 1)
    throw new Error(`Expected one element, there are ${list.length}.`)
  return first
}

export function last<T>(list: readonly T[]): T {
  const found = list.at(-1)
  if (found === undefined) throw new Error('Expected an element, there is none.')
  return found
}
