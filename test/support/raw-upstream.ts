/**
 * A provider, or a proxy, that is nothing but bytes: for what the simulated provider cannot
 * be told to do, because it reads a request before it answers.
 */
import type { Socket } from 'bun'

export interface RawConnection {
  /** Counts connections, from 1. */
  readonly number: number
  /** What came so far, as Latin-1. */
  text(): string
  /** Resolves once the text satisfies the condition. */
  until(condition: (text: string) => boolean): Promise<void>
  send(bytes: string | Uint8Array): void
  end(): void
  reset(): void
  readonly gone: Promise<void>
}

export interface RawUpstream {
  readonly url: string
  readonly port: number
  readonly connections: readonly RawConnection[]
  stop(): void
}

interface Live {
  readonly pieces: Buffer[]
  readonly gone: PromiseWithResolvers<void>
  waiting: { readonly condition: (text: string) => boolean; readonly resolve: () => void }[]
}

/** `serve` is called with each connection that is made. */
export function startRawUpstream(
  serve: (connection: RawConnection) => unknown,
  hostname = '127.0.0.1',
): RawUpstream {
  const connections: RawConnection[] = []
  const listener = Bun.listen<Live>({
    hostname,
    port: 0,
    socket: {
      open(socket) {
        socket.data = { pieces: [], gone: Promise.withResolvers(), waiting: [] }
        const connection = toConnection(socket, connections.length + 1)
        connections.push(connection)
        serve(connection)
      },
      data({ data }, bytes) {
        data.pieces.push(Buffer.from(bytes))
        const text = textOf(data)
        const ready = data.waiting.filter(({ condition }) => condition(text))
        data.waiting = data.waiting.filter((each) => !ready.includes(each))
        for (const { resolve } of ready) resolve()
      },
      end: ({ data }) => data.gone.resolve(),
      close: ({ data }) => data.gone.resolve(),
      error: ({ data }) => data.gone.resolve(),
    },
  })
  const { port } = listener
  return { url: `http://${hostname}:${port}`, port, connections, stop: () => listener.stop(true) }
}

const textOf = ({ pieces }: Live): string => Buffer.concat(pieces).toString('latin1')

const toConnection = (socket: Socket<Live>, number: number): RawConnection => ({
  number,
  text: () => textOf(socket.data),
  until(condition) {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (condition(textOf(socket.data))) resolve()
    else socket.data.waiting.push({ condition, resolve })
    return promise
  },
  send: (bytes) => void socket.write(bytes),
  end: () => void socket.end(),
  reset: () => socket.terminate(),
  gone: socket.data.gone.promise,
})

/** Whether a request’s head is there, or its body too. */
export const hasHead = (text: string): boolean => text.includes('\r\n\r\n')
