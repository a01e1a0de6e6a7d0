/**
 * Reads one answer out of a connection's bytes, as a client would, and notes when what came.
 * Keeps nothing of the body.
 */
import { type BodyDecoder, createBodyDecoder } from '../src/http1/body.ts'
import { parseResponseHead } from '../src/http1/head.ts'

export interface Answer {
  readonly status: number
  readonly bodyBytes: number
  /** Server-sent events. */
  readonly events: number
  /** When the first byte of the first content event came; undefined if none did. */
  readonly contentAt: number | undefined
}

export interface AnswerReader {
  /** Takes bytes that came at `now`. Throws on what is no HTTP answer. */
  feed(bytes: Buffer, now: number): void
  readonly isComplete: boolean
  readonly answer: Answer
}

const HEAD_END = Buffer.from('\r\n\r\n')
const EVENT_END = Buffer.from('\n\n')
const CONTENT = 'event: content_block_delta'
const LF = 0x0a

export function createAnswerReader(): AnswerReader {
  let held: Buffer | undefined
  let decoder: BodyDecoder | undefined
  let status = 0
  let bodyBytes = 0
  let events = 0
  let contentAt: number | undefined
  /** The body so far, until its first content. */
  let opening = ''
  let endsInLine = false

  const see = (piece: Buffer, now: number): void => {
    bodyBytes += piece.length
    if (endsInLine && piece[0] === LF) events++
    for (let at = piece.indexOf(EVENT_END); at >= 0; at = piece.indexOf(EVENT_END, at + 2)) events++
    endsInLine = piece[piece.length - 1] === LF && piece[piece.length - 2] !== LF
    if (contentAt !== undefined) return
    opening += piece.toString('latin1')
    if (opening.includes(CONTENT)) contentAt = now
  }
  return {
    feed(bytes, now) {
      let rest = bytes
      if (decoder === undefined) {
        rest = held === undefined ? bytes : Buffer.concat([held, bytes])
        const end = rest.indexOf(HEAD_END)
        held = end < 0 ? Buffer.from(rest) : undefined
        if (end < 0) return
        const head = parseResponseHead(rest.toString('latin1', 0, end), 'POST')
        status = head.status
        decoder = createBodyDecoder(head.framing)
        rest = rest.subarray(end + HEAD_END.length)
      }
      for (const piece of decoder.feed(rest).pieces) {
        see(Buffer.from(piece.buffer, piece.byteOffset, piece.length), now)
      }
    },
    get isComplete() {
      return decoder?.isComplete === true
    },
    get answer() {
      return { status, bodyBytes, events, contentAt }
    },
  }
}
