/**
 * One request and its answer on a connection, as the handler sees them. Frames what the
 * handler says; knows when a body is whole, when the client is gone, and whether the
 * connection can be used again. Must not read heads or keep time.
 *
 * A class, against the house's habit: one object with its methods on a prototype instead of
 * two dozen closures for each request is a measurable part of what a request costs.
 */
import { GatewayError } from '../../core/error.ts'
import type { Headers } from '../../core/headers.ts'
import { ClientGone, type ClientRequest, type Reply, type RequestHandler } from '../../core/ports/client.ts'
import { type BodyDecoder, createBodyDecoder, FramingError } from '../../http1/body.ts'
import type { RequestHead } from '../../http1/head.ts'
import { frame, writeFields, writeStatusLine } from '../../http1/write.ts'

/** What an exchange needs of its connection. */
export interface Wire {
  peerOf(headers: Headers): string
  readonly isStopping: boolean
  send(pieces: readonly Uint8Array[]): void
  /** Undefined when nothing waits. */
  drained(): Promise<void> | undefined
  destroy(): void
  finish(isLast: boolean): void
  awaitBody(): void
}

const NOTHING = new Uint8Array(0)
const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n')

export class ServerExchange implements ClientRequest, Reply {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Headers
  readonly #head: RequestHead
  readonly #wire: Wire
  readonly #decoder: BodyDecoder
  #abort: AbortController | undefined
  #isGone = false
  /* the body on its way in */
  #pieces: Uint8Array[] = []
  #received = 0
  #limit = Number.POSITIVE_INFINITY
  #error: Error | undefined
  #waiting: PromiseWithResolvers<Uint8Array> | undefined
  /* the answer on its way out */
  #state: 'fresh' | 'started' | 'done' = 'fresh'
  #isLast: boolean
  #isChunked = false
  #isBodiless = false
  /** The answer's head, until it goes out with the first bytes. */
  #pending = ''

  constructor(head: RequestHead, wire: Wire) {
    const { target } = head
    const question = target.indexOf('?')
    this.method = head.method
    this.path = question < 0 ? target : target.slice(0, question)
    this.query = question < 0 ? '' : target.slice(question)
    this.headers = head.headers
    this.#head = head
    this.#wire = wire
    this.#decoder = createBodyDecoder(head.framing)
    this.#isLast = head.isLast
  }

  get peer(): string {
    return this.#wire.peerOf(this.headers)
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#isGone) this.#abort.abort()
    return this.#abort.signal
  }

  get hasBody(): boolean {
    return this.#decoder.isComplete && this.#error === undefined
  }

  run(handler: RequestHandler): void {
    // A handler answers its own errors; one that throws has a bug, and its client gets a reset.
    handler(this, this).catch(() => this.break())
  }

  /** Bytes of the connection; returns those that belong to the next request. */
  feed(bytes: Uint8Array): Uint8Array {
    if (this.#error !== undefined) return NOTHING
    try {
      const { pieces, rest } = this.#decoder.feed(bytes)
      for (const piece of pieces) {
        this.#pieces.push(piece)
        this.#received += piece.length
      }
      if (this.#received > this.#limit) this.#fail(tooLarge(this.#limit))
      else if (this.#decoder.isComplete) this.#waiting?.resolve(this.#whole())
      return rest
    } catch (cause) {
      if (!(cause instanceof FramingError)) throw cause
      this.#fail(new GatewayError('bad-request', cause.message, { cause }))
      return NOTHING
    }
  }

  body(maxBytes: number): Promise<Uint8Array> {
    this.#limit = maxBytes
    const { framing, expectsContinue } = this.#head
    const announced = framing.kind === 'length' ? framing.length : 0
    if (announced > maxBytes || this.#received > maxBytes) this.#fail(tooLarge(maxBytes))
    if (this.#error !== undefined) return Promise.reject(this.#error)
    if (this.#decoder.isComplete) return Promise.resolve(this.#whole())
    if (expectsContinue && this.#received === 0) this.#wire.send([CONTINUE])
    this.#wire.awaitBody()
    this.#waiting = Promise.withResolvers<Uint8Array>()
    return this.#waiting.promise
  }

  /** The body did not come in time. */
  timeOut(): void {
    this.#fail(new GatewayError('request-timeout', 'The request’s body did not come in time.'))
  }

  /** The client is gone. */
  abandon(): void {
    this.#state = 'done'
    this.#isGone = true
    this.#abort?.abort()
    this.#fail(new ClientGone())
  }

  makeLast(): void {
    this.#isLast = true
  }

  get hasStarted(): boolean {
    return this.#state !== 'fresh'
  }

  start(status: number, headers: Headers, length: number | undefined): void {
    if (this.#state !== 'fresh') return
    const isEmpty = status === 204 || status === 304
    this.#state = 'started'
    this.#isLast ||= !this.hasBody || this.#wire.isStopping
    this.#isBodiless = isEmpty || this.#head.method === 'HEAD'
    this.#isChunked = length === undefined && !isEmpty
    const framing = isEmpty ? '' : framingField(length)
    const closing = this.#isLast ? 'connection: close\r\n' : ''
    this.#pending = `${writeStatusLine(status)}${writeFields(headers)}${framing}${closing}\r\n`
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#state !== 'started') return undefined
    this.#send(bytes, false)
    return this.#wire.drained()
  }

  end(bytes: Uint8Array = NOTHING): void {
    if (this.#state !== 'started') return
    this.#state = 'done'
    this.#send(bytes, true)
    this.#wire.finish(this.#isLast)
  }

  break(): void {
    if (this.#state === 'done') return
    this.#state = 'done'
    this.#wire.destroy()
  }

  #send(bytes: Uint8Array, isEnd: boolean): void {
    const body = this.#isBodiless ? NOTHING : bytes
    const isChunked = this.#isChunked && !this.#isBodiless
    const before = this.#pending
    this.#pending = ''
    if (body.length > 0 || before !== '' || (isEnd && isChunked)) {
      this.#wire.send(frame(before, body, isChunked, isEnd))
    }
  }

  #fail(error: Error): void {
    this.#error ??= error
    this.#pieces = []
    this.#waiting?.reject(this.#error)
    this.#waiting = undefined
  }

  #whole(): Uint8Array {
    const first = this.#pieces[0]
    return this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces)
  }
}

const tooLarge = (limit: number): GatewayError =>
  new GatewayError(
    'too-large',
    `The request’s body is larger than ${limit} bytes, the limit set by maxBodyBytes.`,
  )

const framingField = (length: number | undefined): string =>
  length === undefined ? 'transfer-encoding: chunked\r\n' : `content-length: ${length}\r\n`
