/** Reads single fields out of foreign rows and JSON, which may hold anything. */

export type Fields = Readonly<Record<string, unknown>>

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Undefined for anything that is no text, and for an empty one. */
export function readText(value: unknown): string | undefined {
  const text = typeof value === 'string' ? value.trim() : ''
  return text === '' ? undefined : text
}

export const readNumber = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined

/** A whole number of things; 0 for anything else. */
export const readCount = (value: unknown): number => Math.max(0, Math.round(readNumber(value) ?? 0))

/** SQLite has no booleans. */
export const readFlag = (value: unknown): boolean => value === 1 || value === true

/** A time in milliseconds since 1970 as ISO 8601; undefined for 0, which these programs write for "none". */
export function readTime(value: unknown): string | undefined {
  const ms = readNumber(value)
  return ms === undefined || ms <= 0 || ms > LATEST_MS ? undefined : new Date(ms).toISOString()
}

/** The end of the year 9999, the last that ISO 8601 writes in four digits. */
const LATEST_MS = 253_402_300_799_999

/** Undefined for anything but an object. */
export function readJson(value: unknown): Fields | undefined {
  try {
    const parsed: unknown = typeof value === 'string' ? JSON.parse(value) : undefined
    return isFields(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

/** A sentence with foreign words in it must not steer the terminal it is shown on. */
export const harmless = (sentence: string): string => sentence.replace(/[\p{Cc}\p{Cf}]/gu, '�')

/** Without the fields that are undefined. */
export const present = <T extends object>(fields: T): Present<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }
