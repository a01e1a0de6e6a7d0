/** Reads a socket by what is expected next, for test servers of binary protocols. */
import type { Socket } from 'node:net'

export interface ByteReader {
  exactly(bytes: number): Promise<Buffer>
  /** Up to and with the mark, as Latin-1. */
  until(mark: string): Promise<string>
  /** Gives both sockets to each other; nothing is to be read here any more. */
  pipeInto(other: Socket): void
}

/** Readings wait for ever when the socket ends; whoever reads is then forgotten. */
export function createByteReader(socket: Socket): ByteReader {
  let held = Buffer.alloc(0)
  let more = Promise.withResolvers<void>()
  const take = (bytes: Buffer): void => {
    held = Buffer.concat([held, bytes])
    more.resolve()
    more = Promise.withResolvers<void>()
  }
  socket.on('data', take)

  /** `endOf`: how many bytes are wanted, or -1 while that cannot be told. */
  const read = async (endOf: () => number): Promise<Buffer> => {
    while (endOf() < 0 || held.length < endOf()) await more.promise
    const end = endOf()
    const taken = held.subarray(0, end)
    held = held.subarray(end)
    return taken
  }
  return {
    exactly: (bytes) => read(() => bytes),
    async until(mark) {
      const end = (): number => {
        const at = held.indexOf(mark)
        return at < 0 ? -1 : at + mark.length
      }
      return (await read(end)).toString('latin1')
    },
    pipeInto(other) {
      socket.off('data', take)
      if (held.length > 0) other.write(held)
      socket.pipe(other)
      other.pipe(socket)
    },
  }
}
