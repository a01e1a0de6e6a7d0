/**
 * The listening socket: accepts clients, plain or over TLS, sweeps out what overstays, and
 * stops without cutting anybody off. Must not know what a request means.
 */
import type { Socket, TLSOptions } from 'bun'
import type { RequestHandler } from '../../core/ports/client.ts'
import { Connection, type ServerContext, type ServerLimits } from './connection.ts'

export interface ServerOptions {
  readonly host: string
  readonly port: number
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  readonly handler: RequestHandler
  readonly limits: ServerLimits
  readonly refusal: ServerContext['refusal']
  readonly clientOf?: NonNullable<ServerContext['clientOf']>
  /** Milliseconds that only grow. */
  readonly elapsed: () => number
}

export interface Server {
  readonly port: number
  /** Stops accepting at once, lets running exchanges end, and cuts off what is left after `graceMs`. */
  stop(graceMs: number): Promise<void>
}

const SWEEP_MS = 1_000

/** Throws what `Bun.listen` throws: `code` EADDRINUSE, EACCES, EADDRNOTAVAIL, … */
export function startServer(options: ServerOptions): Server {
  const connections = new Set<Connection>()
  let isStopping = false
  const context: ServerContext = { ...options, isStopping: () => isStopping }
  const listener = Bun.listen<Connection>({
    hostname: options.host,
    port: options.port,
    ...(options.tls === undefined ? {} : { tls: options.tls satisfies TLSOptions }),
    socket: {
      open(socket) {
        socket.setNoDelay(true)
        socket.data = new Connection(socket, context)
        connections.add(socket.data)
      },
      data: (socket, bytes) => socket.data.take(bytes),
      drain: (socket) => socket.data.flush(),
      // A client that half-closes is taken to have left, as other servers take it (`faults.md` 78).
      end: (socket) => leave(socket, connections),
      close: (socket) => leave(socket, connections),
      error: (socket) => leave(socket, connections),
    },
  })
  const timer = setInterval(() => {
    for (const connection of connections) connection.sweep()
  }, SWEEP_MS)
  return {
    port: listener.port,
    async stop(graceMs) {
      isStopping = true
      listener.stop(false)
      const deadline = options.elapsed() + graceMs
      for (const connection of connections) connection.closeIfIdle()
      while (connections.size > 0 && options.elapsed() < deadline) await Bun.sleep(20)
      for (const { socket } of connections) socket.terminate()
      clearInterval(timer)
    },
  }
}

function leave(socket: Socket<Connection>, connections: Set<Connection>): void {
  const { data } = socket
  if (data === undefined || !connections.delete(data)) return
  data.lose()
  socket.terminate()
}
