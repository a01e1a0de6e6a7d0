/**
 * Blots credentials, and what the operator names, out of headers and bodies before they are
 * kept. Every blotted byte becomes an asterisk, so that all others stay where and what they
 * were, whatever bytes they are. Pure; the rules are given.
 */
import { type Headers, isEventStream } from './headers.ts'
import { FOREIGN_SECRETS } from './secret-shapes.ts'
import { joinedDeltas } from './split-text.ts'

export interface RedactionRule {
  readonly name: string
  /** Where in a text, each with its end. */
  readonly find: (text: string) => Iterable<readonly [start: number, end: number]>
}

export interface RedactionCount {
  readonly rule: string
  readonly count: number
}

/** What was blotted out: bytes of the body. */
export interface Mark {
  readonly rule: string
  readonly at: number
  readonly length: number
}

export interface Redacted {
  readonly headers: Headers
  readonly redactions: readonly RedactionCount[]
  readonly marks: readonly Mark[]
}

/** More are blotted out and counted, but not listed one by one. */
const MOST_MARKS = 1_000
/** Shorter ones are placeholders, and would be found in every other word. */
const SHORTEST_SECRET = 8
const ASTERISK = 0x2a
const BLOTTED = '[redacted]'

/** The rules of everybody, for these very credentials, and the operator's own. */
export const rulesFor = (
  secrets: readonly string[],
  own: readonly RedactionRule[],
): readonly RedactionRule[] => [
  { name: 'credential of this request', find: (text) => placesOf(text, spellingsOf(secrets)) },
  ...FOREIGN_SECRETS.map(({ name, pattern }) => ({
    name,
    find: (text: string) => [...text.matchAll(pattern)].map(spanOf),
  })),
  ...own,
]

/** Blots in place what the rules find in `body`. */
export function redactPart(
  { headers, body }: { readonly headers: Headers; readonly body: Uint8Array },
  rules: readonly RedactionRule[],
): Redacted {
  const counts = new Map<string, number>()
  const count = (rule: string): void => void counts.set(rule, (counts.get(rule) ?? 0) + 1)
  const kept = headers.map(([name, value]) => [name, redactValue(name, value, rules, count)] as const)
  const marks = marksIn(body, rules, isEventStream(headers))
  for (const { rule, at, length } of marks) {
    body.fill(ASTERISK, at, at + length)
    count(rule)
  }
  const redactions = [...counts].map(([rule, times]) => ({ rule, count: times }))
  return { headers: kept, redactions, marks: marks.slice(0, MOST_MARKS) }
}

const SECRET_PARAMETER = /([?&][\w.-]*(?:key|token|secret|password|signature|code)=)[^&]*/gi

/** Path and query: parameters that say they are secret, and whatever the rules find. */
export const redactTarget = (target: string, rules: readonly RedactionRule[]): string =>
  blot(target, spansOf(target, rules)).replace(SECRET_PARAMETER, `$1${BLOTTED}`)

const CREDENTIAL_HEADER = 'credential header'
const SECRET_NAME =
  /(?:^|-)(?:authorization|cookie2?|secret|password|token|credentials?|signature|(?:api|access|auth|subscription)-?key)$/

function redactValue(
  name: string,
  value: string,
  rules: readonly RedactionRule[],
  count: (rule: string) => void,
): string {
  if (SECRET_NAME.test(name)) {
    count(CREDENTIAL_HEADER)
    return BLOTTED
  }
  const found = spansOf(value, rules)
  for (const { rule } of found) count(rule)
  return blot(value, found)
}

const blot = (text: string, spans: readonly Span[]): string =>
  spans.reduceRight(
    (shown, { start, end }) => `${shown.slice(0, start)}${'*'.repeat(end - start)}${shown.slice(end)}`,
    text,
  )

interface Span {
  readonly rule: string
  readonly start: number
  readonly end: number
}

function marksIn(body: Uint8Array, rules: readonly RedactionRule[], isStream: boolean): readonly Mark[] {
  const text = toText(body)
  const split = isStream ? joinedDeltas(text) : undefined
  const across = split === undefined ? [] : spansOf(split.text, rules).flatMap(split.spread)
  return toMarks(text, merged([...spansOf(text, rules), ...across]), body.length)
}

function spansOf(text: string, rules: readonly RedactionRule[]): readonly Span[] {
  const found: Span[] = []
  for (const { name, find } of rules) {
    for (const [start, end] of find(text)) if (end > start) found.push({ rule: name, start, end })
  }
  return merged(found)
}

/** In order and apart; what overlaps goes by the rule that began first. */
function merged(spans: readonly Span[]): readonly Span[] {
  const apart: Span[] = []
  for (const span of spans.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = apart.at(-1)
    if (last === undefined || span.start >= last.end) apart.push(span)
    else if (span.end > last.end) apart[apart.length - 1] = { ...last, end: span.end }
  }
  return apart
}

/** UTF-8 where it is that, so that rules can name any letter; else one character a byte. */
function toText(body: Uint8Array): string {
  try {
    // A body that was cut may end within a character.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body, { stream: true })
  } catch {
    return Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1')
  }
}

/** From characters to bytes, in one pass. */
function toMarks(text: string, spans: readonly Span[], bytes: number): readonly Mark[] {
  let character = 0
  let byte = 0
  const isPlain = text.length === bytes
  const byteAt = (place: number): number => {
    byte += isPlain ? place - character : Buffer.byteLength(text.slice(character, place))
    character = place
    return byte
  }
  return spans.map(({ rule, start, end }) => {
    const at = byteAt(start)
    return { rule, at, length: byteAt(end) - at }
  })
}

const spanOf = (match: RegExpExecArray): readonly [number, number] => [
  match.index,
  match.index + match[0].length,
]

/** As it is, and as JSON and addresses may write it. */
const spellingsOf = (secrets: readonly string[]): ReadonlySet<string> =>
  new Set(
    secrets
      .filter(({ length }) => length >= SHORTEST_SECRET)
      .flatMap((secret) => [secret, secret.replaceAll('/', '\\/'), encodeURIComponent(secret)]),
  )

function* placesOf(text: string, words: ReadonlySet<string>): Iterable<readonly [number, number]> {
  for (const word of words) {
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length))
      yield [at, at + word.length]
  }
}
