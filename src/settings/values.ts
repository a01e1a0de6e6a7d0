/**
 * How the values of settings are read, from text or JSON. Each throws an Error that ends the
 * sentence "The setting … …". Must not know which settings there are.
 */
import { isLoopbackHost } from '../core/access.ts'
import { nearest } from '../core/similar.ts'
import { isStrategy, STRATEGIES, type StrategyName } from '../core/strategies.ts'

export function text(input: unknown): string {
  if (typeof input === 'string') return input
  throw new Error('must be a text')
}

export function integer(least: number, most = Number.MAX_SAFE_INTEGER): (input: unknown) => number {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  return (input) => {
    const value = toNumber(input)
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value
    throw new Error(`must be a whole number ${range}`)
  }
}

export function number(least: number, most: number): (input: unknown) => number {
  return (input) => {
    const value = toNumber(input)
    if (value >= least && value <= most) return value
    throw new Error(`must be a number from ${least} to ${most}`)
  }
}

const toNumber = (input: unknown): number => {
  if (typeof input === 'number') return input
  return typeof input === 'string' && input.trim() !== '' ? Number(input) : Number.NaN
}

export function oneOf<const Word extends string>(...words: readonly Word[]): (input: unknown) => Word {
  return (input) => {
    const word = words.find((each) => each === input)
    if (word !== undefined) return word
    throw new Error(`must be one of ${words.join(', ')}`)
  }
}

export function strategy(input: unknown): StrategyName {
  if (typeof input === 'string' && isStrategy(input)) return input
  const names = STRATEGIES.map(({ name }) => name)
  const near = typeof input === 'string' ? nearest(input, names) : undefined
  throw new Error(
    `must be one of ${names.join(', ')}${near === undefined ? '' : ` (did you mean "${near}"?)`}`,
  )
}

/**
 * JSON, or a text that holds it, as variables of the environment do. It stays as it was
 * written, and `read` says what is wrong with it: whoever uses it reads it.
 */
export function structured(read: (input: unknown) => unknown): (input: unknown) => unknown {
  return (input) => {
    const value = typeof input === 'string' ? parsed(input) : input
    read(value)
    return value
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('must be JSON')
  }
}

/** Other programs call the text format "pretty". */
export function logFormat(input: unknown): 'auto' | 'text' | 'json' {
  return oneOf('auto', 'text', 'json')(input === 'pretty' ? 'text' : input)
}

/** A list, or one text with commas. */
export function names(input: unknown): readonly string[] {
  const list = typeof input === 'string' ? input.split(',') : input
  if (!Array.isArray(list) || !list.every((each) => typeof each === 'string')) {
    throw new Error('must be a list of names, or names with commas between them')
  }
  return list.map((each) => each.trim().toLowerCase()).filter((each) => each !== '')
}

export function httpUrl(input: unknown): string {
  if (typeof input === 'string' && /^https?:\/\/[^/]/.test(input)) return input
  throw new Error('must be a URL that begins with http:// or https://')
}

export function optionalHttpUrl(input: unknown): string {
  return input === '' ? '' : httpUrl(input)
}

/** Refresh tokens go there: only encrypted, or within this machine. */
export function secureOrigin(input: unknown): string {
  const url = typeof input === 'string' ? URL.parse(input) : null
  const isSecure = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname))
  if (url !== null && isSecure && url.username === '') return url.origin
  throw new Error('must be an address that begins with https:// (http:// only on this machine)')
}

export function word(input: unknown): string {
  if (typeof input === 'string' && /^[\x21-\x7e]{1,200}$/.test(input)) return input
  throw new Error('must be one word')
}

export function databaseUrl(input: unknown): string {
  if (typeof input === 'string' && (input === '' || /^postgres(?:ql)?:\/\//.test(input))) return input
  throw new Error('must be a URL that begins with postgres://')
}
