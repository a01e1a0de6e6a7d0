/**
 * Small hashes of what a prompt begins with, part by part, from its bytes: enough to say which
 * part of it has changed, too little to tell what it said. Breakpoints are left out, because
 * they move on with every turn. Must not decode text.
 */
import type { PromptPrefix, SettledMessages } from '../../core/cache-miss.ts'
import { elementsAfter, findElements, findMembers, readString, type Span } from '../json-scan.ts'
import type { MessagesRequest } from './request.ts'

export interface PrefixDigests {
  /** Any fast hash of 32 bits. */
  readonly hash: (bytes: Uint8Array) => number
  /** One that is still faster for much. */
  readonly digest: (bytes: Uint8Array) => string
}

type Parts = Pick<MessagesRequest, 'tools' | 'system' | 'messages'>

/** Longer histories are compared up to here. */
const MOST_MESSAGES = 2_000

/** `before`: the conversation's last prefix. What it begins with is not looked through again. */
export function readPrefix(
  body: Uint8Array,
  { tools, system, messages }: Parts,
  { hash, digest }: PrefixDigests,
  before?: PromptPrefix,
): PromptPrefix {
  const marks = marksIn(body)
  const hashOf = (span: Span): number => hash(withoutMarks(body, span, marks))
  const settled = messages && settledIn(body, messages, before?.settled, digest)
  const known = settled === undefined ? NONE : (before?.messages.subarray(0, settled.count) ?? NONE)
  const fresh = messages === undefined ? [] : freshMessages(body, { tools, system, messages }, marks, settled)
  const hashes = new Uint32Array(known.length + fresh.length)
  hashes.set(known)
  const respelled: [number, number][] = []
  for (const [index, message] of fresh.entries()) {
    const place = known.length + index
    hashes[place] = hashOf(message)
    const other = isMarked(message, marks) ? asPlainText(body, message) : undefined
    if (other !== undefined) respelled.push([place, hash(other)])
  }
  return {
    tools: tools === undefined ? 0 : hashOf(tools),
    system: system === undefined ? 0 : hashOf(withoutAttribution(body, system)),
    messages: hashes,
    respelled,
    settled: messages && settle(body, messages, { fresh, marks, known: settled, digest }),
  }
}

const NONE = new Uint32Array(0)

/** What the last prompt had before its breakpoints, if this one begins with the same bytes. */
function settledIn(
  body: Uint8Array,
  { start, end }: Span,
  settled: SettledMessages | undefined,
  digest: PrefixDigests['digest'],
): SettledMessages | undefined {
  if (settled === undefined || start + settled.bytes >= end) return undefined
  return digest(body.subarray(start, start + settled.bytes)) === settled.digest ? settled : undefined
}

interface Settling {
  readonly fresh: readonly Span[]
  readonly marks: readonly Span[]
  readonly known: SettledMessages | undefined
  readonly digest: PrefixDigests['digest']
}

/** The last message may still be written otherwise, breakpoint or not. */
function settle(
  body: Uint8Array,
  { start }: Span,
  { fresh, marks, known, digest }: Settling,
): SettledMessages | undefined {
  const marked = fresh.findIndex((message) => isMarked(message, marks))
  const count = marked < 0 ? fresh.length - 1 : marked
  const last = fresh[count - 1]
  if (last === undefined) return known
  const bytes = last.end - start
  return { count: (known?.count ?? 0) + count, bytes, digest: digest(body.subarray(start, last.end)) }
}

/** Beyond those that are known up to the last breakpoint; all of them where it is set automatically, or by other means. */
function freshMessages(
  body: Uint8Array,
  { tools, system, messages }: Parts & { readonly messages: Span },
  marks: readonly Span[],
  known: SettledMessages | undefined,
): readonly Span[] {
  const last = marks.findLast((mark) => isWithin(mark, messages))
  const places = [tools, system, messages].filter((span) => span !== undefined)
  const isExplicit = marks.length > 0 && marks.every((mark) => places.some((span) => isWithin(mark, span)))
  if (last === undefined && isExplicit) return []
  const end = last !== undefined && isExplicit ? last.end : messages.end
  let count = known?.count ?? 0
  if (count >= MOST_MESSAGES) return []
  const isEnd = (message: Span): boolean => ++count === MOST_MESSAGES || message.end >= end
  const found =
    known === undefined
      ? findElements(body, messages, isEnd)
      : elementsAfter(body, messages.start + known.bytes, isEnd)
  return found ?? []
}

const isWithin = (inner: Span, outer: Span): boolean => inner.start >= outer.start && inner.end <= outer.end

const isMarked = (span: Span, marks: readonly Span[]): boolean => marks.some((mark) => isWithin(mark, span))

const MARK = Buffer.from('"cache_control"')
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const COLON = 0x3a
const COMMA = 0x2c
/** Providers take four; what somebody's data calls so too is not looked for without end. */
const MOST_MARKS = 32

/** Breakpoints, each with the comma that belongs to it. In a text the name has other quotes, so it is not found. */
function marksIn(body: Uint8Array): readonly Span[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
  const marks: Span[] = []
  for (let at = bytes.indexOf(MARK); at >= 0 && marks.length < MOST_MARKS; ) {
    const value = pastSpace(body, pastSpace(body, at + MARK.length, COLON), undefined)
    const close = body[value] === OPEN_OBJECT ? body.indexOf(CLOSE_OBJECT, value) : -1
    if (close >= 0) marks.push(withComma(body, { start: at, end: close + 1 }))
    at = bytes.indexOf(MARK, at + MARK.length)
  }
  return marks
}

/** The position after white space, and after `sign` where that follows. */
function pastSpace(body: Uint8Array, from: number, sign: number | undefined): number {
  let at = from
  while (isSpace(body[at])) at++
  return sign !== undefined && body[at] === sign ? at + 1 : at
}

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

function withComma(body: Uint8Array, { start, end }: Span): Span {
  let before = start - 1
  while (isSpace(body[before])) before--
  if (body[before] === COMMA) return { start: before, end }
  return { start, end: pastSpace(body, end, COMMA) }
}

function withoutMarks(body: Uint8Array, span: Span, marks: readonly Span[]): Uint8Array {
  const inside = marks.filter((mark) => isWithin(mark, span))
  if (inside.length === 0) return body.subarray(span.start, span.end)
  const pieces: Uint8Array[] = []
  let at = span.start
  for (const { start, end } of inside) {
    pieces.push(body.subarray(at, start))
    at = end
  }
  return Buffer.concat([...pieces, body.subarray(at, span.end)])
}

/**
 * Claude Code writes a message of one text as a list of blocks while there is a breakpoint in
 * it, and as a mere text later: the same message to the provider.
 */
function asPlainText(body: Uint8Array, message: Span): Uint8Array | undefined {
  const content = findMembers(body, ['content'], message)?.content
  const blocks = content === undefined ? undefined : findElements(body, content, () => false)
  const [block] = blocks ?? []
  if (content === undefined || block === undefined || blocks?.length !== 1) return undefined
  const members = findMembers(body, ['type', 'text'], block)
  if (members?.text === undefined || readString(body, members.type) !== 'text') return undefined
  return Buffer.concat([
    body.subarray(message.start, content.start),
    body.subarray(members.text.start, members.text.end),
    body.subarray(content.end, message.end),
  ])
}

const ATTRIBUTION = Buffer.from('x-anthropic-billing-header:')
const BLOCK_HEAD_BYTES = 64

/** Claude Code's first block says who sent it; the provider takes it off before it caches (`wire.md` §3.3). */
function withoutAttribution(body: Uint8Array, system: Span): Span {
  const [first] = findElements(body, system, () => true) ?? []
  if (first === undefined) return system
  const head = Buffer.from(body.subarray(first.start, Math.min(first.end, first.start + BLOCK_HEAD_BYTES)))
  return head.includes(ATTRIBUTION) ? { start: first.end, end: system.end } : system
}
