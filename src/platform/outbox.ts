/**
 * Writing to a socket that may be slower than we are. What the kernel does not take at once
 * waits here, and whoever writes waits for it to drain: a slow reader costs one piece of
 * memory and slows its upstream down (G10). Must not frame or close anything.
 */
import type { Socket } from 'bun'

export interface Outbox {
  /** Hands the pieces to the kernel in order; what it does not take is kept. */
  write(pieces: readonly Uint8Array[]): void
  /** To be called when the socket can take more. */
  flush(): void
  readonly isEmpty: boolean
  /** Resolves when everything kept has gone, or the connection has. */
  drained(): Promise<void>
  /** The connection is gone: what waits is dropped, whoever waits goes on. */
  drop(): void
}

export function createOutbox<Data>(socket: Socket<Data>): Outbox {
  let waiting: Uint8Array[] = []
  let drain: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined

  /** Returns what the kernel did not take. */
  const push = (piece: Uint8Array): Uint8Array | undefined => {
    const taken = socket.write(piece)
    return taken >= piece.length ? undefined : piece.subarray(Math.max(0, taken))
  }
  const settle = (): void => {
    drain?.resolve()
    drain = undefined
  }
  return {
    write(pieces) {
      for (const piece of pieces) {
        const rest = waiting.length > 0 ? piece : push(piece)
        if (rest !== undefined) waiting.push(rest)
      }
    },
    flush() {
      while (waiting.length > 0) {
        const [first = new Uint8Array(0), ...others] = waiting
        const rest = push(first)
        if (rest !== undefined) {
          waiting[0] = rest
          return
        }
        waiting = others
      }
      settle()
    },
    get isEmpty() {
      return waiting.length === 0
    },
    drained() {
      if (waiting.length === 0) return Promise.resolve()
      drain ??= Promise.withResolvers<void>()
      return drain.promise
    },
    drop() {
      waiting = []
      settle()
    },
  }
}
