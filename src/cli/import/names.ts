/** Account names of other programs, made valid for Spillway and unique. */

const VALID = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/
const LONGEST = 64

/** A name for each of the texts, in their order. One that is valid is kept, whatever stands before it. */
export function toNames(texts: readonly string[]): readonly string[] {
  const taken = new Set<string>()
  const names = texts.map((text) => (VALID.test(text) && !taken.has(text) ? take(text, taken) : undefined))
  return names.map((name, index) => name ?? take(firstFree(toValid(texts[index] ?? ''), taken), taken))
}

function take(name: string, taken: Set<string>): string {
  taken.add(name)
  return name
}

function toValid(text: string): string {
  const plain = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9._@+-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, LONGEST)
    .replace(/-+$/, '')
  return plain === '' ? 'account' : plain
}

function firstFree(name: string, taken: ReadonlySet<string>): string {
  let free = name
  for (let number = 2; taken.has(free); number += 1) {
    const ending = `-${number}`
    free = `${name.slice(0, LONGEST - ending.length)}${ending}`
  }
  return free
}
