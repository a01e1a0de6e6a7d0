/**
 * Finds the top-level members of a JSON object in its bytes, without decoding or building
 * anything: routing reads three fields of bodies that may be megabytes. Iterative, so depth
 * costs nothing. Checks the structure it walks over, not every literal inside. Must not
 * change a byte.
 */

/** Where a value stands: `end` is the position after its last byte. */
export interface Span {
  readonly start: number
  readonly end: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const COLON = 0x3a
const COMMA = 0x2c

/**
 * The spans of the members called `names`; of a repeated name the last, as JSON parsers
 * take it. Undefined when the bytes are not one JSON object.
 */
export function findMembers<Name extends string>(
  bytes: Uint8Array,
  names: readonly Name[],
  within: Span = { start: 0, end: bytes.length },
): Partial<Record<Name, Span>> | undefined {
  const found: Partial<Record<Name, Span>> = Object.create(null)
  let at = skipSpace(bytes, within.start)
  if (bytes[at] !== OPEN_OBJECT) return undefined
  at = skipSpace(bytes, at + 1)
  if (bytes[at] === CLOSE_OBJECT) return isRest(bytes, at + 1, within.end) ? found : undefined
  for (;;) {
    if (bytes[at] !== QUOTE) return undefined
    const keyEnd = skipString(bytes, at)
    if (keyEnd < 0) return undefined
    const name = nameAt(bytes, at, keyEnd, names)
    at = skipSpace(bytes, keyEnd)
    if (bytes[at] !== COLON) return undefined
    const start = skipSpace(bytes, at + 1)
    const end = skipValue(bytes, start)
    if (end < 0) return undefined
    if (name !== undefined) found[name] = { start, end }
    at = skipSpace(bytes, end)
    if (bytes[at] === CLOSE_OBJECT) return isRest(bytes, at + 1, within.end) ? found : undefined
    if (bytes[at] !== COMMA) return undefined
    at = skipSpace(bytes, at + 1)
  }
}

/** The spans of an array's elements, as far as `until` wants them; undefined if it is no array. */
export function findElements(
  bytes: Uint8Array,
  array: Span,
  until: (element: Span) => boolean,
): readonly Span[] | undefined {
  return bytes[array.start] === OPEN_ARRAY ? elementsFrom(bytes, array.start + 1, until) : undefined
}

/** Likewise the elements of an array that come after the one that ends at `end`. */
export function elementsAfter(
  bytes: Uint8Array,
  end: number,
  until: (element: Span) => boolean,
): readonly Span[] | undefined {
  const at = skipSpace(bytes, end)
  if (bytes[at] === COMMA) return elementsFrom(bytes, at + 1, until)
  return bytes[at] === CLOSE_ARRAY ? [] : undefined
}

function elementsFrom(
  bytes: Uint8Array,
  from: number,
  until: (element: Span) => boolean,
): readonly Span[] | undefined {
  const found: Span[] = []
  let at = skipSpace(bytes, from)
  while (bytes[at] !== CLOSE_ARRAY) {
    const end = skipValue(bytes, at)
    if (end < 0) return undefined
    const element = { start: at, end }
    found.push(element)
    if (until(element)) return found
    at = skipSpace(bytes, end)
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1)
    else if (bytes[at] !== CLOSE_ARRAY) return undefined
  }
  return found
}

/**
 * Where an array's last element ends, at most `most` bytes of it: found from behind, so that
 * it costs the same however long the array is. Undefined if it has none. Of an array that is
 * not sound it may be anything within it.
 */
export function tailOfLast(bytes: Uint8Array, array: Span, most: number): Span | undefined {
  if (bytes[array.start] !== OPEN_ARRAY || bytes[array.end - 1] !== CLOSE_ARRAY) return undefined
  const end = array.end - 1
  const least = Math.max(array.start + 1, end - most)
  let depth = 0
  let at = end - 1
  for (; at >= least; at--) {
    const byte = bytes[at]
    if (byte === QUOTE) at = beginOfString(bytes, at, least)
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth++
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth--
    else if (byte === COMMA && depth === 0) break
  }
  const start = skipSpace(bytes, Math.max(at + 1, least))
  return start < end ? { start, end } : undefined
}

/** The position of the quote that begins the string which ends at `end`; below `least` if it is not that near. */
function beginOfString(bytes: Uint8Array, end: number, least: number): number {
  for (let at = end - 1; at >= least; at--) {
    if (bytes[at] !== QUOTE) continue
    let before = at - 1
    while (bytes[before] === BACKSLASH) before--
    if ((at - before) % 2 === 1) return at
  }
  return least - 1
}

/** The string at a span; undefined if it is not a (valid) JSON string. */
export function readString(bytes: Uint8Array, span: Span | undefined): string | undefined {
  if (span === undefined || bytes[span.start] !== QUOTE) return undefined
  const inner = bytes.subarray(span.start + 1, span.end - 1)
  if (inner.length <= SHORT && inner.every(isPlain)) return decoder.decode(inner)
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes.subarray(span.start, span.end)))
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

/** Names are short and plain, and need no parser. */
const SHORT = 64
const isPlain = (byte: number): boolean => byte >= 0x20 && byte < 0x7f && byte !== BACKSLASH

const decoder = new TextDecoder()

/**
 * Compares without decoding. A key written with escapes is decoded: no client writes one,
 * but an upstream would read it, and must not be asked for another model than we saw.
 */
function nameAt<Name extends string>(
  bytes: Uint8Array,
  start: number,
  end: number,
  names: readonly Name[],
): Name | undefined {
  for (const name of names) if (isKey(bytes, start, end, name)) return name
  if (!hasEscape(bytes, start, end)) return undefined
  const key = readString(bytes, { start, end })
  return names.find((name) => name === key)
}

function hasEscape(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === BACKSLASH) return true
  return false
}

function isKey(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  if (end - start - 2 !== name.length) return false
  for (let index = 0; index < name.length; index++) {
    if (bytes[start + 1 + index] !== name.charCodeAt(index)) return false
  }
  return true
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++
  return at
}

const isRest = (bytes: Uint8Array, from: number, end: number): boolean => skipSpace(bytes, from) >= end

/** The position after the string that begins at `from`, or -1. */
function skipString(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(QUOTE, from + 1); at >= 0; at = bytes.indexOf(QUOTE, at + 1)) {
    let before = at - 1
    while (bytes[before] === BACKSLASH) before--
    if ((at - before) % 2 === 1) return at + 1
  }
  return -1
}

/** The position after the value that begins at `from`, or -1. */
function skipValue(bytes: Uint8Array, from: number): number {
  const first = bytes[from]
  if (first === QUOTE) return skipString(bytes, from)
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return skipContainer(bytes, from)
  return skipLiteral(bytes, from)
}

/** Brackets must match in number; that they match in kind is left to the upstream's parser. */
function skipContainer(bytes: Uint8Array, from: number): number {
  let depth = 0
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      at = skipString(bytes, at) - 1
      if (at < 0) return -1
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      depth--
      if (depth === 0) return at + 1
    }
  }
  return -1
}

const LITERAL = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/

function skipLiteral(bytes: Uint8Array, from: number): number {
  let at = from
  while (at < bytes.length && isLiteralByte(bytes[at])) at++
  return LITERAL.test(decoder.decode(bytes.subarray(from, at))) ? at : -1
}

const isLiteralByte = (byte: number | undefined): boolean =>
  byte !== undefined && byte !== COMMA && byte !== CLOSE_OBJECT && byte !== CLOSE_ARRAY && byte > 0x20
