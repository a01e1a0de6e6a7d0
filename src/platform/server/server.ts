/**
 * The listening socket: accepts clients, plain or over TLS, sweeps out what overstays, and
 * stops without cutting anybody off. Must not know what a request means.
 */
import type { Socket, SocketHandler, TCPSocketListener, TLSOptions } from 'bun'
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
  /**
   * From now on connections get this certificate; those that are there go on. Throws what
   * `Bun.listen` throws, and is for servers that were started with a certificate.
   */
  renew(tls: NonNullable<ServerOptions['tls']>): Promise<void>
  /** Stops accepting at once, lets running exchanges end, and cuts off what is left after `graceMs`. */
  stop(graceMs: number): Promise<void>
}

const SWEEP_MS = 1_000

/** Throws what `Bun.listen` throws: `code` EADDRINUSE, EACCES, EADDRNOTAVAIL, … */
export function startServer(options: ServerOptions): Server {
  const connections = new Set<Connection>()
  let isStopping = false
  const context: ServerContext = { ...options, isStopping: () => isStopping }
  const listen = (port: number, tls: ServerOptions['tls']): TCPSocketListener<Connection> =>
    Bun.listen<Connection>({
      hostname: options.host,
      port,
      // Two listeners share the port for the moment in which one takes over from the other.
      ...(tls === undefined
        ? {}
        : { tls: { cert: tls.cert, key: tls.key } satisfies TLSOptions, reusePort: true }),
      socket: handlersFor(context, connections),
    })
  if (options.tls !== undefined) assertFree(options)
  let listener = listen(options.port, options.tls)
  const timer = setInterval(() => {
    for (const connection of connections) connection.sweep()
  }, SWEEP_MS)
  return {
    port: listener.port,
    async renew(tls) {
      const next = listen(listener.port, tls)
      // Whoever stands in the old one's queue is taken in first: closing it would reset them.
      await turn()
      await turn()
      const old = isStopping ? next : listener
      old.stop(false)
      if (!isStopping) listener = next
    },
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

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const handlersFor = (context: ServerContext, connections: Set<Connection>): SocketHandler<Connection> => ({
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
})

/** A port that may be shared could be shared with another gateway by mistake. */
function assertFree({ host, port }: ServerOptions): void {
  if (port !== 0) Bun.listen({ hostname: host, port, socket: { data() {} } }).stop(true)
}

function leave(socket: Socket<Connection>, connections: Set<Connection>): void {
  const { data } = socket
  if (data === undefined || !connections.delete(data)) return
  data.lose()
  socket.terminate()
}
