/**
 * A reply that can be kept alive while its request is held: from its first ping on it is an
 * event stream with status 200, whatever comes. The answer that is found follows without a
 * head of its own; a refusal follows as an error event. Must not be used for anything but
 * streams of messages.
 */
import { type Headers, headerOf, isEventStream } from '../core/headers.ts'
import type { Reply } from '../core/ports/client.ts'
import type { Clock } from '../core/ports/clock.ts'
import { SECOND } from '../core/time.ts'

export interface HeldReply extends Reply {
  /** Begins pings, the first after a while, until the answer or the end. */
  keepAlive(): void
}

/** Clients give up on a stream that is silent for some minutes; proxies in between sooner (`wire.md` §3.4). */
const PING_MS = 10 * SECOND
const PING = Buffer.from('event: ping\ndata: {"type":"ping"}\n\n')

interface HeldOptions {
  readonly clock: Clock
  readonly headers: () => Headers
}

export function createHeldReply(reply: Reply, { clock, headers }: HeldOptions): HeldReply {
  let stopPings: (() => void) | undefined
  let hasPinged = false
  let hasStarted = false
  /** The answer is no event stream: what comes of it is an error's text. */
  let errorPieces: Uint8Array[] | undefined
  const ping = (): void => {
    if (!hasPinged) reply.start(200, [...EVENT_STREAM, ...headers()], undefined)
    hasPinged = true
    stopPings = clock.after(PING_MS, ping)
    // A client too slow for a ping is told nothing more until it has read.
    void reply.write(PING)
  }
  const begin = (status: number, head: Headers): void => {
    stopPings?.()
    hasStarted = true
    if (hasPinged && (status !== 200 || !isEventStream(head))) errorPieces = []
    // Compressed bytes cannot follow plain ones.
    else if (hasPinged && (headerOf(head, 'content-encoding') ?? 'identity') !== 'identity') reply.break()
  }
  return {
    keepAlive() {
      if (stopPings === undefined && !hasStarted) stopPings = clock.after(PING_MS, ping)
    },
    start(status, head, length) {
      begin(status, head)
      if (!hasPinged) reply.start(status, head, length)
    },
    write(bytes) {
      if (errorPieces === undefined) return reply.write(bytes)
      errorPieces.push(bytes)
      return undefined
    },
    end(bytes) {
      if (errorPieces === undefined) return reply.end(bytes)
      if (bytes !== undefined) errorPieces.push(bytes)
      const data = Buffer.concat(errorPieces).toString().replaceAll(/\r?\n/g, ' ')
      reply.end(Buffer.from(`event: error\ndata: ${data}\n\n`))
    },
    break() {
      stopPings?.()
      reply.break()
    },
    get hasStarted() {
      return hasStarted
    },
  }
}

const EVENT_STREAM: Headers = [
  ['content-type', 'text/event-stream'],
  ['cache-control', 'no-cache'],
]
