/**
 * The operator's patterns as rules of redaction. They are RE2's: whatever a pattern is and
 * whatever it is matched against, it takes time in proportion to the text.
 */
import type { RedactionRule } from '../core/redaction.ts'

const LONGEST_NAME = 60

/** Made anew only when the patterns change. Throws where one is none. */
export function toRules(patterns: readonly string[]): readonly RedactionRule[] {
  const key = JSON.stringify(patterns)
  if (key !== known.key) known = { key, rules: patterns.map(toRule) }
  return known.rules
}

let known: { readonly key: string; readonly rules: readonly RedactionRule[] } = { key: '[]', rules: [] }

function toRule(pattern: string): RedactionRule {
  // Loaded only where there are patterns: it is as large as the rest of the worker.
  const { RE2JS }: typeof import('re2js') = require('re2js')
  const compiled = RE2JS.compile(pattern)
  return {
    name: pattern.slice(0, LONGEST_NAME),
    *find(text) {
      const matcher = compiled.matcher(text)
      while (matcher.find()) yield [matcher.start(), matcher.end()]
    },
  }
}
