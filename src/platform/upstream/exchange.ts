/**
 * One request and its answer on a link to an upstream. Reads the head strictly, hands the
 * body on as it comes, and tells in the end whether the link can serve again: never after
 * anything doubtful, because the next answer on it would belong to somebody else. Holds
 * little: when its reader is slow the link is paused, and the upstream waits (G10).
 *
 * A class for the same reason as the server's exchange: one object for each request.
 */
import { headerOf } from '../../core/headers.ts'
import type {
  BodyEnd,
  ByteSource,
  TransportFault,
  UpstreamAnswer,
  UpstreamLimits,
  UpstreamRequest,
} from '../../core/ports/upstream.ts'
import { type BodyDecoder, createBodyDecoder, FramingError } from '../../http1/body.ts'
import { HeadError, parseResponseHead, type ResponseHead } from '../../http1/head.ts'
import { frame } from '../../http1/write.ts'
import type { Link, LinkEvents } from './link.ts'
import { canBecomeHttp } from './plausible.ts'

export interface ExchangeOptions {
  readonly request: UpstreamRequest
  readonly limits: UpstreamLimits
  readonly elapsed: () => number
  /** The link has served an exchange before. */
  readonly isReused: boolean
  /** Called once, when nothing more will happen on the link in this exchange. */
  readonly onDone: (exchange: Exchange, isReusable: boolean, keepAliveMs: number | undefined) => void
}

export const isFault = (result: UpstreamAnswer | TransportFault): result is TransportFault =>
  'cause' in result

const HEAD_END = Buffer.from('\r\n\r\n')
const MOST_HEAD_BYTES = 64 * 1024
/** Reading is stopped above the first and taken up again at the second. */
const PAUSE_ABOVE_BYTES = 256 * 1024
const RESUME_BELOW_BYTES = 64 * 1024

/** A connection that was dead already breaks within this; later the upstream may have been at work on the request. */
const LONGEST_STALE_MS = 1_000

type Timer = ReturnType<typeof setTimeout>

export class Exchange implements LinkEvents, ByteSource, EventListenerObject {
  readonly link: Link
  readonly #options: ExchangeOptions
  readonly #answer = Promise.withResolvers<UpstreamAnswer | TransportFault>()
  #isDone = false
  #timer: Timer | undefined
  #lastByteAt: number
  /* the head on its way in */
  #held: Buffer | undefined
  #head: ResponseHead | undefined
  #decoder: BodyDecoder | undefined
  /* the body between the link and its reader */
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #isPaused = false
  #end: BodyEnd | undefined
  #reader: ((part: Uint8Array | BodyEnd) => void) | undefined

  constructor(link: Link, options: ExchangeOptions) {
    this.link = link
    this.#options = options
    this.#lastByteAt = options.elapsed()
  }

  /** Sends the request; `head` is its head as text, the empty line included. */
  start(head: string): Promise<UpstreamAnswer | TransportFault> {
    const { request, limits } = this.#options
    this.link.events = this
    if (limits.headersMs > 0) {
      this.#timer = setTimeout(() => this.#fail('headers-timeout', 'no answer in time'), limits.headersMs)
    }
    if (this.link.isClosed) this.close(true)
    else this.link.outbox.write(frame(head, request.body, false, true))
    return this.#answer.promise
  }

  /* what happens on the link */

  data(bytes: Buffer): void {
    if (this.#isDone) return
    this.#lastByteAt = this.#options.elapsed()
    try {
      if (this.#decoder === undefined) this.#readHead(bytes)
      else this.#readBody(this.#decoder, bytes)
    } catch (error) {
      if (error instanceof HeadError) this.#fail('bad-response', error.message)
      else if (error instanceof FramingError) this.#finish('framing', false)
      else throw error
    }
  }

  close(isReset: boolean): void {
    if (this.#isDone) return
    if (this.#decoder !== undefined) {
      const isWhole = !isReset && this.#decoder.end() === 'complete'
      const broken = isReset ? 'reset' : 'short'
      this.#finish(isWhole ? 'clean' : broken, false)
      return
    }
    const wasSilent = this.#held === undefined
    const isQuick = this.#options.elapsed() - this.#lastByteAt < LONGEST_STALE_MS
    const isStale = wasSilent && this.#options.isReused && isQuick
    this.#fail(wasSilent ? 'reset' : 'bad-response', 'the connection was closed before an answer', isStale)
  }

  /** The client's signal has fired. */
  handleEvent(): void {
    this.cancel()
  }

  /* the body's reader */

  read(): Promise<Uint8Array | BodyEnd> {
    const part = this.#take()
    if (this.#isPaused && this.#queuedBytes <= RESUME_BELOW_BYTES) {
      this.#isPaused = false
      this.#lastByteAt = this.#options.elapsed()
      this.link.resume()
    }
    if (part !== undefined) return Promise.resolve(part)
    return new Promise((resolve) => {
      this.#reader = resolve
    })
  }

  get isComplete(): boolean {
    return this.#queue.length === 0 && this.#end?.end === 'clean'
  }

  /** Breaks the connection, which is how the upstream learns that nobody waits any more. */
  cancel(): void {
    if (this.#isDone) return
    this.#queue = []
    this.#answer.resolve({ cause: 'reset', detail: 'cancelled', wasStaleConnection: false })
    this.#finish('cancelled', false)
  }

  #readHead(bytes: Buffer): void {
    const all = this.#held === undefined ? bytes : Buffer.concat([this.#held, bytes])
    if (!canBecomeHttp(all.toString('latin1', 0, 7))) {
      this.#fail('bad-response', 'the answer is not HTTP')
      return
    }
    const end = all.indexOf(HEAD_END)
    if (end > MOST_HEAD_BYTES || (end < 0 && all.length > MOST_HEAD_BYTES)) {
      this.#fail('bad-response', 'the answer’s head is too long')
      return
    }
    if (end < 0) {
      this.#held = all
      return
    }
    this.#held = undefined
    const head = parseResponseHead(all.toString('latin1', 0, end), this.#options.request.method)
    const rest = all.subarray(end + HEAD_END.length)
    if (head.status === 101) this.#fail('bad-response', 'the upstream switched protocols unasked')
    else if (head.status >= 200) this.#beginBody(head, rest)
    else if (rest.length > 0) this.#readHead(rest)
  }

  #beginBody(head: ResponseHead, rest: Uint8Array): void {
    clearTimeout(this.#timer)
    const decoder = createBodyDecoder(head.framing)
    this.#head = head
    this.#decoder = decoder
    this.#watchIdle()
    this.#answer.resolve({
      status: head.status,
      headers: head.headers,
      contentLength: lengthOf(head, this.#options.request.method),
      body: this,
    })
    this.#readBody(decoder, rest)
  }

  #readBody(decoder: BodyDecoder, bytes: Uint8Array): void {
    const { pieces, rest } = decoder.feed(bytes)
    for (const piece of pieces) {
      this.#queue.push(piece)
      this.#queuedBytes += piece.length
    }
    if (decoder.isComplete) {
      const isAllSent = this.link.outbox.isEmpty
      this.#finish('clean', isAllSent && rest.length === 0 && this.#head?.isLast === false)
      return
    }
    this.#hand()
    if (this.#queuedBytes <= PAUSE_ABOVE_BYTES || this.#isPaused) return
    this.#isPaused = true
    this.link.pause()
  }

  /** One timer for the whole body: it looks when it fires, and sets itself anew. */
  #watchIdle(): void {
    const { idleMs } = this.#options.limits
    if (idleMs <= 0) return
    const look = (): void => {
      const idle = this.#options.elapsed() - this.#lastByteAt
      if (idle >= idleMs && !this.#isPaused) this.#finish('idle', false)
      else this.#timer = setTimeout(look, this.#isPaused ? idleMs : Math.max(1, idleMs - idle))
    }
    this.#timer = setTimeout(look, idleMs)
  }

  #take(): Uint8Array | BodyEnd | undefined {
    const first = this.#queue[0]
    if (first === undefined) return this.#end
    const joined = this.#queue.length === 1 ? first : Buffer.concat(this.#queue)
    this.#queue = []
    this.#queuedBytes = 0
    return joined
  }

  /** What there is goes to whoever waits for it. */
  #hand(): void {
    const part = this.#reader === undefined ? undefined : this.#take()
    if (part === undefined) return
    const reader = this.#reader
    this.#reader = undefined
    reader?.(part)
  }

  #fail(cause: TransportFault['cause'], words: string, wasStaleConnection = false): void {
    if (this.#isDone) return
    const { host } = this.#options.request.endpoint
    this.#answer.resolve({ cause, detail: `${host}: ${words}`, wasStaleConnection })
    this.#finish('cancelled', false)
  }

  #finish(end: BodyEnd['end'], isReusable: boolean): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#end = { end }
    clearTimeout(this.#timer)
    if (!isReusable) this.link.terminate()
    else if (this.#isPaused) this.link.resume()
    this.#options.onDone(this, isReusable, keepAliveOf(this.#head))
    this.#hand()
  }
}

function lengthOf({ framing, headers }: ResponseHead, method: string): number | undefined {
  if (framing.kind === 'length') return framing.length
  const announced = method === 'HEAD' ? headerOf(headers, 'content-length') : undefined
  if (announced !== undefined) return Number(announced)
  return framing.kind === 'none' ? 0 : undefined
}

/** `keep-alive: timeout=5`: the other side will close then, so we must not use the link any more by then. */
function keepAliveOf(head: ResponseHead | undefined): number | undefined {
  const text = head === undefined ? undefined : headerOf(head.headers, 'keep-alive')
  const seconds = text === undefined ? undefined : /timeout=(\d{1,4})/.exec(text)?.[1]
  return seconds === undefined ? undefined : Number(seconds) * 1_000
}
