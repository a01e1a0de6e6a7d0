/**
 * Writing lines to standard output for a server: a reader that has stopped reading, or has
 * gone, costs lines and nothing else. Must not be used for a command's own output.
 */
import { write, writeSync } from 'node:fs'

export interface LineOutput {
  write(line: string): void
  /** Before the process ends: what waits is written, whatever it takes. */
  flush(): void
  /** Lines that nobody took. */
  readonly dropped: number
}

const MOST_WAITING_BYTES = 1 << 20

export function createLineOutput(descriptor: number): LineOutput {
  let queue: Buffer[] = []
  let queued = 0
  let dropped = 0
  let isWriting = false

  const next = (): void => {
    const bytes = Buffer.concat(queue)
    queue = []
    queued = 0
    if (bytes.length === 0) return
    isWriting = true
    write(descriptor, bytes, 0, bytes.length, null, (error, written) => {
      isWriting = false
      if (error !== null) dropped++
      else if (written < bytes.length) {
        queue.unshift(bytes.subarray(written))
        queued += bytes.length - written
      }
      next()
    })
  }
  return {
    write(line) {
      const bytes = Buffer.from(line)
      if (queued + bytes.length > MOST_WAITING_BYTES) {
        dropped++
        return
      }
      queue.push(bytes)
      queued += bytes.length
      if (!isWriting) next()
    },
    flush() {
      try {
        writeSync(descriptor, Buffer.concat(queue))
      } catch {
        dropped += queue.length
      }
      queue = []
      queued = 0
    },
    get dropped() {
      return dropped
    },
  }
}
