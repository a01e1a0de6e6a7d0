/**
 * Reads values out of foreign JSON: numbers that may be strings, moments in three spellings,
 * objects that may be missing. What is not there or not understood is undefined. Must not
 * throw and must not guess a unit from anything but a value's own size.
 */
import { type Millis, readDate, SECOND, toMillis } from '../core/time.ts'
import { isObject } from '../dialects/messages/usage.ts'

export type Fields = Readonly<Record<string, unknown>>

/** Undefined when the text is not one JSON object. */
export function readObject(text: string): Fields | undefined {
  if (!text.trimStart().startsWith('{')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** An object's fields; none where there is no object. */
export const fieldsOf = (value: unknown): Fields => (isObject(value) ? value : {})

/** The objects of a list; none where there is no list. */
export const objectsOf = (value: unknown): readonly Fields[] =>
  Array.isArray(value) ? value.filter(isObject) : []

export const readText = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined

const NUMBER = /^-?\d+(?:\.\d+)?$/

export function readNumber(value: unknown): number | undefined {
  if (typeof value === 'string') return NUMBER.test(value) ? readNumber(Number(value)) : undefined
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** A share that is said as 0–100. */
export function readPercent(value: unknown): number | undefined {
  const percent = readNumber(value)
  return percent === undefined || percent < 0 ? undefined : percent / 100
}

/** Between these a number is an epoch in seconds (2001–2286), a thousand times as much one in milliseconds. */
const FIRST_SECOND = 1e9
const LAST_SECOND = 1e10

/** ISO 8601, or an epoch in seconds or milliseconds. */
export function readMoment(value: unknown): Millis | undefined {
  const epoch = readNumber(value)
  if (epoch === undefined) return typeof value === 'string' ? readDate(value) : undefined
  if (epoch >= FIRST_SECOND && epoch < LAST_SECOND) return toMillis(epoch * SECOND)
  const isMillis = epoch >= FIRST_SECOND * SECOND && epoch < LAST_SECOND * SECOND
  return isMillis ? toMillis(epoch) : undefined
}
