/**
 * The head of an HTTP/1.1 message, strictly (RFC 9112): both directions, for the server, the
 * upstream client and the simulator. What is not clearly right is refused, because two
 * readings of one message are how requests are smuggled. Pure; must not know a route.
 */
import type { Header, Headers } from '../core/headers.ts'

export interface RequestHead {
  readonly method: string
  /** As it stood on the wire. */
  readonly target: string
  readonly headers: Headers
  readonly framing: Framing
  /** The connection ends after this exchange. */
  readonly isLast: boolean
  readonly expectsContinue: boolean
}

export interface ResponseHead {
  readonly status: number
  readonly headers: Headers
  readonly framing: Framing
  readonly isLast: boolean
}

export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' }

/** Why a head is refused, and the status that says so. */
export class HeadError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'HeadError'
    this.status = status
  }
}

const METHOD = /^[A-Z]{1,16}$/
const TARGET = /^\/[\x21-\x22\x24-\x7e]*$/
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** No control character but the tab; bytes above 0x7f pass as they are (RFC 9110 §5.5). */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const LENGTH = /^\d{1,15}$/
const MOST_FIELDS = 200

/** `text` is the head in Latin-1, without the empty line. Throws HeadError. */
export function parseRequestHead(text: string): RequestHead {
  const end = lineEnd(text, 0)
  const [method = '', target = '', version = '', ...more] = text.slice(0, end).split(' ')
  if (!METHOD.test(method) || more.length > 0) throw new HeadError(400, 'The request line is malformed.')
  if (version === 'HTTP/1.0') throw new HeadError(505, 'HTTP/1.0 is not supported; use HTTP/1.1.')
  if (version !== 'HTTP/1.1')
    throw new HeadError(version.startsWith('HTTP/') ? 505 : 400, 'This is not HTTP/1.1.')
  if (!TARGET.test(target)) throw new HeadError(400, 'The request target must be a path ("/…").')
  const headers = parseFields(text, end)
  const facts = factsOf(headers)
  if (facts.hosts !== 1) throw new HeadError(400, 'A request must carry exactly one Host header.')
  return {
    method,
    target,
    headers,
    framing: requestFraming(facts),
    isLast: facts.isClose,
    expectsContinue: facts.expectsContinue,
  }
}

/** `method` is that of the request, because an answer to HEAD has no body. Throws HeadError. */
export function parseResponseHead(text: string, method: string): ResponseHead {
  const end = lineEnd(text, 0)
  const match = STATUS_LINE.exec(text.slice(0, end))
  if (match === null) throw new HeadError(502, 'The answer does not begin with an HTTP/1.1 status line.')
  const status = Number(match[2])
  const headers = parseFields(text, end)
  const facts = factsOf(headers)
  const isOld = match[1] === '0'
  // HTTP/1.0 knows no chunks, so such an answer may be framed wrongly (RFC 9112 §6.1).
  const isKept = facts.isKept && facts.codings.length === 0
  const framing = responseFraming(facts, status, method)
  return {
    status,
    headers,
    framing,
    isLast: facts.isClose || framing.kind === 'until-close' || (isOld && !isKept),
  }
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/

interface Facts {
  readonly hosts: number
  readonly lengths: readonly string[]
  readonly codings: readonly string[]
  readonly isClose: boolean
  readonly isKept: boolean
  readonly expectsContinue: boolean
}

function factsOf(headers: Headers): Facts {
  let hosts = 0
  const lengths: string[] = []
  const codings: string[] = []
  let connection = ''
  let expectsContinue = false
  for (const [name, value] of headers) {
    switch (name) {
      case 'host':
        hosts++
        break
      case 'content-length':
        lengths.push(value)
        break
      case 'transfer-encoding':
        codings.push(value.toLowerCase())
        break
      case 'connection':
        connection += `,${value.toLowerCase()}`
        break
      case 'expect':
        expectsContinue = value.toLowerCase() === '100-continue'
        break
      default:
    }
  }
  const options = connection === '' ? [] : connection.split(',').map((option) => option.trim())
  return {
    hosts,
    lengths,
    codings,
    isClose: options.includes('close'),
    isKept: options.includes('keep-alive'),
    expectsContinue,
  }
}

/** RFC 9112 §6.3: a message with both lengths, or with two of one kind, is an attack. */
function requestFraming({ lengths, codings }: Facts): Framing {
  const [length] = lengths
  if (lengths.length + codings.length > 1) throw new HeadError(400, 'The body’s length is given twice.')
  if (codings.length > 0) {
    if (codings[0] !== 'chunked') throw new HeadError(501, 'The only transfer encoding served is "chunked".')
    return { kind: 'chunked' }
  }
  if (length === undefined) return { kind: 'none' }
  if (!LENGTH.test(length)) throw new HeadError(400, 'Content-Length is not a number.')
  return Number(length) === 0 ? { kind: 'none' } : { kind: 'length', length: Number(length) }
}

function responseFraming({ lengths, codings }: Facts, status: number, method: string): Framing {
  const [length] = lengths
  if (lengths.length + codings.length > 1) throw new HeadError(502, 'The answer’s length is given twice.')
  if (length !== undefined && !LENGTH.test(length))
    throw new HeadError(502, 'The answer’s length is not a number.')
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { kind: 'none' }
  if (codings.length > 0) {
    if (codings[0] !== 'chunked') throw new HeadError(502, 'The answer’s transfer encoding is unknown.')
    return { kind: 'chunked' }
  }
  return length === undefined ? { kind: 'until-close' } : { kind: 'length', length: Number(length) }
}

function parseFields(text: string, from: number): Headers {
  const headers: Header[] = []
  for (let at = from + 2; at < text.length; ) {
    const end = lineEnd(text, at)
    const colon = text.indexOf(':', at)
    const name = colon < 0 || colon > end ? undefined : fieldName(text.slice(at, colon))
    const value = fieldValue(text, colon + 1, end)
    if (name === undefined || !VALUE.test(value)) throw new HeadError(400, 'A header field is malformed.')
    headers.push([name, value])
    if (headers.length > MOST_FIELDS) throw new HeadError(431, `More than ${MOST_FIELDS} header fields.`)
    at = end + 2
  }
  return headers
}

const SPACE = 0x20
const TAB = 0x09

/** Without spaces and tabs around it (RFC 9110 §5.5); `trim` would take line ends and bytes above ASCII as well. */
function fieldValue(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

const isSpace = (code: number): boolean => code === SPACE || code === TAB

const MOST_NAMES = 1_000
const names = new Map<string, string>()

/** A token (RFC 9110 §5.6.2): nothing else can stand before a colon. */
export const isFieldName = (text: string): boolean => NAME.test(text)

/** In lower case; undefined if it is no name. The same few come with every message, so they are looked up. */
function fieldName(written: string): string | undefined {
  const known = names.get(written)
  if (known !== undefined) return known
  if (!isFieldName(written)) return undefined
  // A copy: a slice would keep the whole head that it was cut from in memory.
  const copy = Buffer.from(written, 'latin1').toString('latin1')
  const name = copy.toLowerCase()
  if (names.size < MOST_NAMES && written.length < 100) names.set(copy, name)
  return name
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\r\n', from)
  return end < 0 ? text.length : end
}
