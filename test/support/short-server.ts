/**
 * The gateway’s server on its own, with limits so short that a test can outlast them, and any
 * handler behind it. Must not be used where the real gateway will do.
 */
import type { RequestHandler } from '../../src/core/ports/client.ts'
import { writeErrorEnvelope } from '../../src/dialects/messages/error.ts'
import type { ServerLimits } from '../../src/platform/server/connection.ts'
import { type ServerOptions, startServer } from '../../src/platform/server/server.ts'

export interface ShortServer {
  readonly url: string
  /** Lets what runs end for at most so long. */
  stop(graceMs?: number): Promise<void>
}

/** Longer than a test lasts, where it is not about this limit. */
const LONG_MS = 600_000

export function startShortServer(
  handler: RequestHandler,
  limits: Partial<ServerLimits>,
  tls?: ServerOptions['tls'],
): ShortServer {
  const server = startServer({
    host: '127.0.0.1',
    port: 0,
    tls,
    handler,
    limits: {
      headBytes: 64 << 10,
      headMs: LONG_MS,
      idleMs: LONG_MS,
      bodyPauseMs: LONG_MS,
      bodyMs: LONG_MS,
      writeStallMs: LONG_MS,
      ...limits,
    },
    refusal: (status, message) => writeErrorEnvelope(status, message, undefined),
    elapsed: () => performance.now(),
  })
  return { url: `http://127.0.0.1:${server.port}`, stop: (graceMs = 0) => server.stop(graceMs) }
}

/** Takes a body of any length and says how long it was; refusals are told by their status. */
export const echoLength: RequestHandler = async (request, reply) => {
  const body = await request.body(Number.MAX_SAFE_INTEGER).catch(() => undefined)
  const text = Buffer.from(body === undefined ? '' : String(body.length))
  reply.start(body === undefined ? 408 : 200, [['content-type', 'text/plain']], text.length)
  reply.end(text)
}
