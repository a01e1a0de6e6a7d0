/**
 * A client that writes and reads bytes, for what well-behaved clients never do: broken heads,
 * slow uploads, readers that stop, connections that vanish. Tells how its connection ended.
 */
import type { Socket } from 'bun'

export interface RawClient {
  write(text: string | Uint8Array): void
  /** Everything received so far, as Latin-1. */
  text(): string
  received(): Buffer
  /** How many bytes were received so far, and the last few of them; cheap, unlike all of them. */
  readonly size: number
  tail(bytes: number): Buffer
  /** Resolves once the text received satisfies the condition; fails when the connection ends before. */
  until(condition: (text: string) => boolean): Promise<string>
  /** The same with a condition that looks for itself, for answers that are large. */
  when(condition: () => boolean): Promise<void>
  /** How the other side ended the connection, once it has. */
  readonly ended: Promise<'end' | 'reset'>
  pause(): void
  resume(): void
  /** An orderly end, and a reset. */
  close(): void
  vanish(): void
}

interface Waiting {
  readonly condition: () => boolean
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export async function connectRaw(url: string): Promise<RawClient> {
  const { hostname, port } = new URL(url)
  const pieces: Buffer[] = []
  let size = 0
  const ended = Promise.withResolvers<'end' | 'reset'>()
  let hasEnded = false
  let waiting: Waiting[] = []
  const text = (): string => Buffer.concat(pieces).toString('latin1')
  const check = (): void => {
    const ready = waiting.filter(({ condition }) => condition())
    waiting = waiting.filter((each) => !ready.includes(each))
    for (const { resolve } of ready) resolve()
  }
  const end = (how: 'end' | 'reset'): void => {
    hasEnded = true
    ended.resolve(how)
    for (const { reject } of waiting) {
      reject(new Error(`The connection ended (${how}) after: ${text().slice(-500)}`))
    }
    waiting = []
  }
  const when = (condition: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting.push({ condition, resolve, reject })
      check()
      if (hasEnded) end('end')
    })
  let unsent = Buffer.alloc(0)
  const flush = (socket: Socket): void => {
    const taken = Math.max(0, socket.write(unsent))
    unsent = unsent.subarray(taken)
  }
  const socket = await Bun.connect<undefined>({
    hostname,
    port: Number(port),
    socket: {
      data(_, bytes) {
        pieces.push(bytes)
        size += bytes.length
        check()
      },
      drain: flush,
      end: () => end('end'),
      close: (_, error) => end(error ? 'reset' : 'end'),
      error: () => end('reset'),
    },
  })
  return {
    write(data) {
      unsent = Buffer.concat([unsent, typeof data === 'string' ? Buffer.from(data, 'latin1') : data])
      flush(socket)
    },
    text,
    received: () => Buffer.concat(pieces),
    get size() {
      return size
    },
    tail(bytes) {
      const last: Buffer[] = []
      for (let at = pieces.length - 1, left = bytes; at >= 0 && left > 0; at--) {
        const piece = pieces[at] ?? Buffer.alloc(0)
        last.unshift(piece)
        left -= piece.length
      }
      return Buffer.concat(last).subarray(-bytes)
    },
    async until(condition) {
      await when(() => condition(text()))
      return text()
    },
    when,
    ended: ended.promise,
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: () => void socket.end(),
    vanish: () => socket.terminate(),
  }
}

/** A POST /v1/messages as bytes. */
export function rawRequest(body: string, fields: Readonly<Record<string, string>> = {}): string {
  const headers = { host: '127.0.0.1', 'content-type': 'application/json', ...fields }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST /v1/messages HTTP/1.1\r\n${lines.join('')}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}
