/**
 * A client's request as the server hands it over, and the way back to the client. The
 * server frames and limits; it knows no route and no meaning.
 */
import type { Headers } from '../headers.ts'

export interface ClientRequest {
  readonly method: string
  /** Starts with "/"; no query, no authority. */
  readonly path: string
  /** With its question mark, or empty. */
  readonly query: string
  readonly headers: Headers
  /** The client's address: of the connection's other end, or what a trusted proxy there says. */
  readonly peer: string
  /** Fires when the client has left, in whatever phase. */
  readonly signal: AbortSignal
  /**
   * Reads the whole body. Throws GatewayError `too-large` beyond `maxBytes`, `request-timeout`
   * when it comes too slowly, `bad-request` for broken framing; `ClientGone` when the client left.
   */
  body(maxBytes: number): Promise<Uint8Array>
}

export interface Reply {
  /** The head, sent with the first bytes. `length` undefined: chunked. */
  start(status: number, headers: Headers, length: number | undefined): void
  /** Hands bytes on; a promise when the client is slow, to be awaited before more is written. */
  write(bytes: Uint8Array): Promise<void> | undefined
  /** The last bytes, and the end of the answer. */
  end(bytes?: Uint8Array): void
  /** Breaks the connection, so that the client cannot take what it got for whole (G3). */
  break(): void
  readonly hasStarted: boolean
}

export type RequestHandler = (request: ClientRequest, reply: Reply) => Promise<void>

/** The client left; nothing more can be said to it. Not an error of anybody. */
export class ClientGone extends Error {
  constructor() {
    super('The client has left.')
    this.name = 'ClientGone'
  }
}
