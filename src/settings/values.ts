/**
 * How the values of settings are read, from text or JSON, and what shape they have. Each
 * throws an Error that ends the sentence "The setting … …" and does not repeat the value:
 * it may be a secret. Must not know which settings there are.
 */
import { isLoopbackHost } from '../core/access.ts'
import { readRange } from '../core/address-range.ts'
import { nearest } from '../core/similar.ts'
import { isStrategy, STRATEGIES, type StrategyName } from '../core/strategies.ts'
import type { Reader } from './setting.ts'
import { type Shape, TEXTS } from './shape.ts'

const shaped = <T>(shape: Shape, read: (input: unknown) => T): Reader<T> => Object.assign(read, { shape })

export const text: Reader<string> = shaped({ type: 'string' }, (input) => {
  if (typeof input === 'string') return input
  throw new Error('must be a text')
})

export function integer(least: number, most = Number.MAX_SAFE_INTEGER): Reader<number> {
  const isOpen = most === Number.MAX_SAFE_INTEGER
  const range = isOpen ? `of at least ${least}` : `from ${least} to ${most}`
  const shape: Shape = { type: 'integer', minimum: least, ...(isOpen ? {} : { maximum: most }) }
  return shaped(shape, (input) => {
    const value = toNumber(input)
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value
    throw new Error(`must be a whole number ${range}`)
  })
}

export const number = (least: number, most: number): Reader<number> =>
  shaped({ type: 'number', minimum: least, maximum: most }, (input) => {
    const value = toNumber(input)
    if (value >= least && value <= most) return value
    throw new Error(`must be a number from ${least} to ${most}`)
  })

const toNumber = (input: unknown): number => {
  if (typeof input === 'number') return input
  return typeof input === 'string' && input.trim() !== '' ? Number(input) : Number.NaN
}

export const oneOf = <const Word extends string>(...words: readonly Word[]): Reader<Word> =>
  shaped({ enum: words }, (input) => {
    const word = words.find((each) => each === input)
    if (word !== undefined) return word
    throw new Error(`must be one of ${words.join(', ')}`)
  })

export const STRATEGY_NAMES = STRATEGIES.map(({ name }) => name)

export const strategy: Reader<StrategyName> = shaped({ enum: STRATEGY_NAMES }, (input) => {
  if (typeof input === 'string' && isStrategy(input)) return input
  const near = typeof input === 'string' ? nearest(input, STRATEGY_NAMES) : undefined
  throw new Error(
    `must be one of ${STRATEGY_NAMES.join(', ')}${near === undefined ? '' : ` (did you mean "${near}"?)`}`,
  )
})

/**
 * JSON, or a text that holds it, as variables of the environment do. It stays as it was
 * written, and `read` says what is wrong with it: whoever uses it reads it.
 */
export const structured = (read: (input: unknown) => unknown, shape: Shape): Reader<unknown> =>
  shaped(shape, (input) => {
    const value = typeof input === 'string' ? parsed(input) : input
    read(value)
    return value
  })

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('must be JSON')
  }
}

/** Other programs call the text format "pretty". */
export const logFormat: Reader<'auto' | 'text' | 'json'> = shaped(
  { enum: ['auto', 'text', 'json'] },
  (input) => oneOf('auto', 'text', 'json')(input === 'pretty' ? 'text' : input),
)

/** A list, or one text with commas. */
export const names: Reader<readonly string[]> = shaped(TEXTS, (input) => {
  const list = typeof input === 'string' ? input.split(',') : input
  if (!Array.isArray(list) || !list.every((each) => typeof each === 'string')) {
    throw new Error('must be a list of names, or names with commas between them')
  }
  return list.map((each) => each.trim().toLowerCase()).filter((each) => each !== '')
})

/** Networks, or single addresses, of IPv4 and IPv6. */
export const networks: Reader<readonly string[]> = shaped(TEXTS, (input) => {
  const list = names(input)
  const wrong = list.findIndex((each) => readRange(each) === undefined)
  if (wrong < 0) return list
  throw new Error(`must be a list of networks such as 10.0.0.0/8 or fd00::/8; number ${wrong + 1} is none`)
})

/** Absolute paths: a list, or one text with commas. */
export const directories: Reader<readonly string[]> = shaped(TEXTS, (input) => {
  const list = typeof input === 'string' ? input.split(',').filter((each) => each.trim() !== '') : input
  if (Array.isArray(list) && list.every((each) => typeof each === 'string' && isAbsolutePath(each.trim())))
    return list.map((each: string) => each.trim())
  throw new Error(
    'must be a list of directories, each from the root on, or such paths with commas between them',
  )
})

const isAbsolutePath = (path: string): boolean =>
  path.length <= 4_096 && /^(?:\/|[A-Za-z]:[\\/])[^\0]*$/.test(path)

export const httpUrl: Reader<string> = shaped({ type: 'string' }, (input) => {
  if (typeof input === 'string' && /^https?:\/\/[^/]/.test(input)) return input
  throw new Error('must be a URL that begins with http:// or https://')
})

export const optionalHttpUrl: Reader<string> = shaped({ type: 'string' }, (input) =>
  input === '' ? '' : httpUrl(input),
)

/** Refresh tokens go there: only encrypted, or within this machine. */
export const secureOrigin: Reader<string> = shaped({ type: 'string' }, (input) => {
  const url = typeof input === 'string' ? URL.parse(input) : null
  const isSecure = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname))
  if (url !== null && isSecure && url.username === '') return url.origin
  throw new Error('must be an address that begins with https:// (http:// only on this machine)')
})

/** A client secret goes there, and who is let in is decided by what comes back. */
export const oidcIssuer: Reader<string> = shaped({ type: 'string' }, (input) => {
  if (input === '') return ''
  const url = typeof input === 'string' ? URL.parse(input) : null
  const isSecure = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname))
  if (url !== null && isSecure && url.username === '' && url.search === '' && url.hash === '')
    return String(input)
  throw new Error('must be an address that begins with https:// (http:// only on this machine)')
})

export const word: Reader<string> = shaped({ type: 'string' }, (input) => {
  if (typeof input === 'string' && /^[\x21-\x7e]{1,200}$/.test(input)) return input
  throw new Error('must be one word')
})

export const databaseUrl: Reader<string> = shaped({ type: 'string' }, (input) => {
  if (typeof input === 'string' && (input === '' || /^postgres(?:ql)?:\/\//.test(input))) return input
  throw new Error('must be a URL that begins with postgres://')
})
