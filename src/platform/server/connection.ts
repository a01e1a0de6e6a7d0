/**
 * One client connection: heads and bodies come out of its bytes, one exchange after the
 * other, each handed to the handler. Owns limits, time limits and the way a connection ends.
 * Must not know what a request means. (A class for the same reason as exchange.ts.)
 */
import type { Socket } from 'bun'
import type { Headers } from '../../core/headers.ts'
import type { RequestHandler } from '../../core/ports/client.ts'
import { HeadError, parseRequestHead } from '../../http1/head.ts'
import { frame, writeFields, writeStatusLine } from '../../http1/write.ts'
import { createOutbox, type Outbox } from '../outbox.ts'
import { ServerExchange, type Wire } from './exchange.ts'

export interface ServerLimits {
  readonly headBytes: number
  /** A whole head must have come this long after its first byte. */
  readonly headMs: number
  /** A connection without a request is closed after this long. */
  readonly idleMs: number
  /** The longest pause while a body comes in. */
  readonly bodyPauseMs: number
  /** A whole body must have come this long after its head, however steadily it comes. */
  readonly bodyMs: number
  /** The longest that a client may take nothing of what waits for it. */
  readonly writeStallMs: number
}

export interface ServerContext {
  readonly handler: RequestHandler
  readonly limits: ServerLimits
  readonly elapsed: () => number
  readonly isStopping: () => boolean
  /** The client's address, where it is not the connection's own: behind a proxy. */
  readonly clientOf?: (peer: string, headers: Headers) => string
  /** An answer that the server itself must give, before any handler was asked. */
  readonly refusal: (status: number, message: string) => string
}

const NOTHING = new Uint8Array(0)
const HEAD_END = Buffer.from('\r\n\r\n')
/** How long a refused upload is read on so that the client sees the refusal. */
const LINGER_MS = 2_000
/** More than a little that was sent ahead of its turn is not kept: the connection ends after this answer. */
const MOST_HELD_BYTES = 256 * 1024

export class Connection implements Wire {
  readonly socket: Socket<Connection>
  readonly #context: ServerContext
  readonly #outbox: Outbox
  /** `closing`: only draining is left. */
  #phase: 'head' | 'exchange' | 'closing' = 'head'
  /** Bytes that no exchange has taken yet. */
  #held: Uint8Array = NOTHING
  #exchange: ServerExchange | undefined
  /** In `elapsed` time; the sweep closes the connection after it. */
  #deadline: number
  #bodyDeadline = Number.POSITIVE_INFINITY

  constructor(socket: Socket<Connection>, context: ServerContext) {
    this.socket = socket
    this.#context = context
    this.#outbox = createOutbox(socket)
    this.#deadline = context.elapsed() + context.limits.idleMs
  }

  /* what happens on the socket */

  take(bytes: Uint8Array): void {
    if (this.#phase === 'closing') return
    const exchange = this.#exchange
    if (exchange !== undefined) {
      const rest = exchange.feed(bytes)
      if (exchange.hasBody) this.#setDeadline()
      else this.awaitBody()
      if (rest.length > 0) this.#hold(rest)
      return
    }
    if (!this.#outbox.isEmpty) {
      this.#hold(bytes)
      return
    }
    if (this.#held.length === 0) this.#touch(this.#context.limits.headMs)
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    this.#readHeads()
  }

  flush(): void {
    this.#outbox.flush()
    this.#setDeadline()
    this.#readHeads()
  }

  /** The client is gone, by whatever way. */
  lose(): void {
    this.#phase = 'closing'
    this.#outbox.drop()
    this.#exchange?.abandon()
  }

  /** Called every second: whatever has overstayed is ended. */
  sweep(): void {
    if (this.#context.elapsed() < this.#deadline) return
    const exchange = this.#exchange
    if (exchange !== undefined && !exchange.hasBody && this.#outbox.isEmpty) {
      exchange.timeOut()
      this.#touch(LINGER_MS)
      return
    }
    if (this.#phase === 'head' && this.#held.length > 0) {
      this.#refuse(408, 'The request’s head did not come in time.')
      return
    }
    this.socket.terminate()
  }

  /** Ends a connection that is between two requests, once its client has all of the last answer; the others end with their exchange. */
  closeIfIdle(): void {
    if (this.#phase !== 'head' || this.#held.length > 0) return
    if (this.#outbox.isEmpty) this.socket.end()
    else this.#linger()
  }

  /* what an exchange asks of its connection */

  peerOf(headers: Headers): string {
    const { remoteAddress } = this.socket
    return this.#context.clientOf?.(remoteAddress, headers) ?? remoteAddress
  }

  get isStopping(): boolean {
    return this.#context.isStopping()
  }

  send(pieces: readonly Uint8Array[]): void {
    this.#outbox.write(pieces)
    if (!this.#outbox.isEmpty) this.#touch(this.#context.limits.writeStallMs)
  }

  drained(): Promise<void> | undefined {
    return this.#outbox.isEmpty ? undefined : this.#outbox.drained()
  }

  awaitBody(): void {
    this.#touch(this.#context.limits.bodyPauseMs)
    this.#deadline = Math.min(this.#deadline, this.#bodyDeadline)
  }

  finish(isLast: boolean): void {
    this.#exchange = undefined
    if (isLast || this.isStopping) {
      this.#linger()
      return
    }
    this.#phase = 'head'
    this.#setDeadline()
    if (this.#held.length > 0) queueMicrotask(() => this.#readHeads())
  }

  /** A reset; but bytes that a slow client has yet to take are let out first, and the end then comes without its mark. */
  destroy(): void {
    this.#phase = 'closing'
    if (this.#outbox.isEmpty) {
      this.socket.terminate()
      return
    }
    this.#touch(this.#context.limits.writeStallMs)
    void this.#outbox.drained().then(() => this.socket.end())
  }

  /* how requests come out of bytes */

  /** The next request begins when the client has taken the answer to the one before (G10). */
  #readHeads(): void {
    while (this.#phase === 'head' && this.#held.length > 0 && this.#outbox.isEmpty) {
      const bytes = withoutLeadingLines(this.#held)
      const end = bytes.indexOf(HEAD_END)
      const { headBytes } = this.#context.limits
      if (end > headBytes || (end < 0 && bytes.length > headBytes)) {
        this.#refuse(431, `The request’s head is longer than ${headBytes} bytes.`)
        return
      }
      this.#held = bytes
      if (end < 0) return
      this.#held = NOTHING
      this.#begin(bytes.toString('latin1', 0, end), bytes.subarray(end + HEAD_END.length))
    }
  }

  #begin(text: string, rest: Uint8Array): void {
    try {
      this.#exchange = new ServerExchange(parseRequestHead(text), this)
    } catch (error) {
      if (!(error instanceof HeadError)) throw error
      this.#refuse(error.status, error.message)
      return
    }
    const exchange = this.#exchange
    this.#phase = 'exchange'
    this.#deadline = Number.POSITIVE_INFINITY
    this.#bodyDeadline = this.#context.elapsed() + this.#context.limits.bodyMs
    if (rest.length > 0) this.#held = exchange.feed(rest)
    exchange.run(this.#context.handler)
  }

  #hold(bytes: Uint8Array): void {
    if (this.#held.length + bytes.length > MOST_HELD_BYTES) {
      this.socket.pause()
      if (this.#exchange === undefined) this.#linger()
      else this.#exchange.makeLast()
      return
    }
    this.#held = Buffer.concat([this.#held, bytes])
  }

  #refuse(status: number, message: string): void {
    const body = Buffer.from(this.#context.refusal(status, message))
    const head = `${writeStatusLine(status)}${writeFields([
      ['content-type', 'application/json'],
      ['content-length', String(body.length)],
      ['connection', 'close'],
    ])}\r\n`
    this.#outbox.write(frame(head, body, false, true))
    this.#linger()
  }

  /** The answer is out and the connection is to end: a reset now could take the answer back from a client that still sends. */
  #linger(): void {
    this.#phase = 'closing'
    this.#held = NOTHING
    if (this.#outbox.isEmpty) this.socket.shutdown()
    else void this.#outbox.drained().then(() => this.socket.shutdown())
    this.#touch(this.#outbox.isEmpty ? LINGER_MS : this.#context.limits.writeStallMs)
  }

  #touch(ms: number): void {
    this.#deadline = this.#context.elapsed() + ms
  }

  /** While a handler works, nobody is in a hurry; while bytes wait, the client is. */
  #setDeadline(): void {
    const { headMs, idleMs, writeStallMs } = this.#context.limits
    if (!this.#outbox.isEmpty) this.#touch(writeStallMs)
    else if (this.#exchange?.hasBody === false) this.awaitBody()
    else if (this.#phase === 'exchange') this.#deadline = Number.POSITIVE_INFINITY
    else if (this.#phase === 'closing') this.#touch(LINGER_MS)
    else this.#touch(this.#held.length > 0 ? headMs : idleMs)
  }
}

/** RFC 9112 §2.2: a client may send an empty line before its request. */
function withoutLeadingLines(bytes: Uint8Array): Buffer {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes)
  let at = 0
  while (buffer[at] === 0x0d && buffer[at + 1] === 0x0a) at += 2
  return at === 0 ? buffer : buffer.subarray(at)
}
