/** How lists of patterns are read, from text or JSON. Parsing only. */
import type { RE2JS as Re2 } from 're2js'
import type { Reader } from './setting.ts'
import { TEXTS } from './shape.ts'

const MOST_PATTERNS = 50
const LONGEST_PATTERN = 500

/**
 * A list, as JSON where it is a text. RE2 matches each in time proportional to the text, so
 * that none can be catastrophic; what RE2 lacks (references back, looking around) is refused.
 */
export const patterns: Reader<readonly string[]> = Object.assign(readPatterns, { shape: TEXTS })

function readPatterns(input: unknown): readonly string[] {
  const list = typeof input === 'string' ? parsed(input) : input
  if (!Array.isArray(list) || !list.every((each) => typeof each === 'string'))
    throw new Error('must be a list of patterns, as JSON: ["secret-\\\\d+"]')
  if (list.length > MOST_PATTERNS) throw new Error(`must be a list of at most ${MOST_PATTERNS} patterns`)
  for (const [index, pattern] of list.entries()) assertPattern(pattern, index + 1)
  return list
}

function assertPattern(pattern: string, number: number): void {
  if (pattern.length > LONGEST_PATTERN)
    throw new Error(`must have patterns of at most ${LONGEST_PATTERN} characters`)
  // Loaded only where there are patterns: a start without any need not wait for it.
  const { RE2JS }: { readonly RE2JS: typeof Re2 } = require('re2js')
  try {
    if (!RE2JS.compile(pattern).matches('')) return
  } catch {
    throw new Error(`must be patterns as RE2 understands them, which number ${number} is not`)
  }
  throw new Error(`must not have a pattern that an empty text matches, as number ${number} does`)
}

function parsed(text: string): unknown {
  if (text === '') return []
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('must be a list of patterns, as JSON: ["secret-\\\\d+"]')
  }
}
