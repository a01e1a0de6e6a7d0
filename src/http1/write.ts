/**
 * Writes HTTP/1.1: heads as Latin-1 text, chunks as bytes. Values come from parsed heads or
 * from our own code; anything that could end a line is refused here once more, so that no
 * text can ever become a header of its own. Pure.
 */
import type { Headers } from '../core/headers.ts'
import { isFieldName } from './head.ts'

const UNSAFE = /[^\t\x20-\x7e\x80-\xff]/

/** Header lines, each ended by CRLF; a field that could break out of its line is left out. */
export function writeFields(headers: Headers): string {
  let text = ''
  for (const [name, value] of headers) {
    if (isFieldName(name) && !UNSAFE.test(value)) text += `${name}: ${value}\r\n`
  }
  return text
}

export const writeStatusLine = (status: number): string =>
  `HTTP/1.1 ${status} ${REASONS.get(status) ?? 'Status'}\r\n`

/** RFC 9110 §15; clients do not read them, people do. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [100, 'Continue'],
  [200, 'OK'],
  [201, 'Created'],
  [202, 'Accepted'],
  [204, 'No Content'],
  [301, 'Moved Permanently'],
  [302, 'Found'],
  [303, 'See Other'],
  [304, 'Not Modified'],
  [307, 'Temporary Redirect'],
  [308, 'Permanent Redirect'],
  [400, 'Bad Request'],
  [401, 'Unauthorized'],
  [402, 'Payment Required'],
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [405, 'Method Not Allowed'],
  [408, 'Request Timeout'],
  [409, 'Conflict'],
  [413, 'Content Too Large'],
  [415, 'Unsupported Media Type'],
  [421, 'Misdirected Request'],
  [422, 'Unprocessable Content'],
  [429, 'Too Many Requests'],
  [431, 'Request Header Fields Too Large'],
  [500, 'Internal Server Error'],
  [501, 'Not Implemented'],
  [502, 'Bad Gateway'],
  [503, 'Service Unavailable'],
  [504, 'Gateway Timeout'],
  [505, 'HTTP Version Not Supported'],
  [507, 'Insufficient Storage'],
  [529, 'Overloaded'],
])

/** The most that is copied to save a system call; longer pieces are written one by one. */
const MOST_JOINED_BYTES = 64 * 1024

/**
 * Bytes as they go on the wire: `before` (a head, or nothing), then `body` as one chunk if
 * `isChunked`, then the end of a chunked body if `isLast`. One buffer where that is cheap.
 */
export function frame(
  before: string,
  body: Uint8Array,
  isChunked: boolean,
  isLast: boolean,
): readonly Uint8Array[] {
  const head = isChunked && body.length > 0 ? `${before}${body.length.toString(16)}\r\n` : before
  const tail = isChunked ? `${body.length > 0 ? '\r\n' : ''}${isLast ? '0\r\n\r\n' : ''}` : ''
  if (body.length > MOST_JOINED_BYTES) {
    return [Buffer.from(head, 'latin1'), body, Buffer.from(tail, 'latin1')].filter(({ length }) => length > 0)
  }
  const joined = Buffer.allocUnsafe(head.length + body.length + tail.length)
  joined.write(head, 0, 'latin1')
  joined.set(body, head.length)
  joined.write(tail, head.length + body.length, 'latin1')
  return [joined]
}
