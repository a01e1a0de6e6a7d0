/**
 * The way to a provider: one HTTP exchange at a time. What can go wrong on the way is a
 * value. The adapter keeps connections and time limits; it knows no provider, no account
 * and no retry, follows no redirect and decodes nothing.
 */
import type { Cause } from '../failure.ts'
import type { Headers } from '../headers.ts'

/** Where an account's requests go. */
export interface Endpoint {
  readonly isSecure: boolean
  readonly host: string
  readonly port: number
  /** Goes before every path; no slash at its end. */
  readonly path: string
}

export interface UpstreamRequest {
  readonly endpoint: Endpoint
  readonly method: string
  /** Path and query as they go on the wire. */
  readonly target: string
  /** Without `host` and the framing headers, which are the adapter's. */
  readonly headers: Headers
  readonly body: Uint8Array
  /** A proxy for this request alone (`http://…` or `socks5://…`, with credentials); undefined: as the environment says. */
  readonly proxy?: string | undefined
  /** Take a new connection even if an idle one is at hand. */
  readonly fresh: boolean
}

/** Milliseconds each; 0 means without limit. */
export interface UpstreamLimits {
  /** Name, connection and TLS together. */
  readonly connectMs: number
  /** From the request's last byte to the answer's head. */
  readonly headersMs: number
  /** Between two bytes of the answer. */
  readonly idleMs: number
}

export interface Upstream {
  send(request: UpstreamRequest, limits: UpstreamLimits, signal: AbortSignal): Promise<Sent>
}

export type Sent =
  | { readonly kind: 'answer'; readonly answer: UpstreamAnswer }
  | { readonly kind: 'fault'; readonly fault: TransportFault }
  /** The signal fired; the upstream has been told by closing the connection. */
  | { readonly kind: 'aborted' }

export interface TransportFault {
  readonly cause: Cause
  /** For people; names the host, never a header. */
  readonly detail: string
  /** A connection that had served before broke before any byte of an answer. */
  readonly wasStaleConnection: boolean
}

export interface UpstreamAnswer {
  readonly status: number
  readonly headers: Headers
  /** As announced; undefined when the answer is chunked or ends with its connection. */
  readonly contentLength: number | undefined
  readonly body: ByteSource
}

export interface ByteSource {
  /** The next bytes as they came, or how the body ended. Reading slowly slows the upstream down. */
  read(): Promise<Uint8Array | BodyEnd>
  /** True once the last bytes have been handed out and the body ended cleanly. */
  readonly isComplete: boolean
  /** Stops reading and closes the connection if the body has not ended yet. */
  cancel(): void
}

export interface BodyEnd {
  /** `reset`: connection lost. `short`: closed early. `idle`: silent too long. `framing`: broken chunks. */
  readonly end: 'clean' | 'reset' | 'short' | 'idle' | 'framing' | 'cancelled'
}

export const isEnd = (part: Uint8Array | BodyEnd): part is BodyEnd => !(part instanceof Uint8Array)
