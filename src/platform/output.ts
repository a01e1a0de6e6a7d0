/**
 * Writing lines to standard output or a file for a server: a reader that has stopped
 * reading, or has gone, and a disk that is full, cost lines and nothing else. Must not be
 * used for a command's own output.
 */
import { closeSync, write } from 'node:fs'

export interface LineOutput {
  write(line: string): void
  /** Before the process ends: what waits is written, unless nobody has taken it for a second. */
  flush(): void | Promise<void>
  /** Lines that nobody took. */
  readonly dropped: number
}

export interface DescriptorOutput extends LineOutput {
  /** Why the last lines could not be written; undefined when they could. */
  readonly problem: string | undefined
  /** Closes the descriptor as soon as everything is written that waits. */
  end(): void
}

const MOST_WAITING_BYTES = 1 << 20
/** How soon a pipe that is full and does not make writers wait is tried again. */
const RETRY_MS = 50
const LAST_CHANCE_MS = 1_000

export function createLineOutput(descriptor: number): DescriptorOutput {
  /** One buffer a line; the first may have been written in part. */
  let queue: Buffer[] = []
  /** Of the queue, and of what is being written. */
  let waiting = 0
  let dropped = 0
  let problem: string | undefined
  let isWriting = false
  let isEnding = false
  let allWritten = (): void => {}

  const next = (): void => {
    isWriting = queue.length > 0
    if (!isWriting) {
      if (isEnding) closeSync(descriptor)
      return allWritten()
    }
    const lines = queue
    const bytes = Buffer.concat(lines)
    queue = []
    write(descriptor, bytes, 0, bytes.length, null, (error, written) => {
      if (error === null) {
        waiting -= written
        problem = undefined
        queue = [...withoutFirst(lines, written), ...queue]
      } else if (error.code === 'EAGAIN') {
        queue = [...lines, ...queue]
        setTimeout(next, RETRY_MS).unref()
        return
      } else {
        waiting -= bytes.length
        dropped += lines.length
        problem = error.message
      }
      next()
    })
  }
  return {
    write(line) {
      const bytes = Buffer.from(line)
      if (waiting + bytes.length > MOST_WAITING_BYTES) return void dropped++
      queue.push(bytes)
      waiting += bytes.length
      if (!isWriting) next()
    },
    async flush() {
      if (!isWriting) return
      const { promise, resolve } = Promise.withResolvers<void>()
      allWritten = resolve
      await Promise.race([promise, Bun.sleep(LAST_CHANCE_MS)])
    },
    end() {
      isEnding = true
      if (!isWriting) closeSync(descriptor)
    },
    get dropped() {
      return dropped
    },
    get problem() {
      return problem
    },
  }
}

/** What is left of lines of which so many bytes have been written. */
function withoutFirst(lines: readonly Buffer[], count: number): readonly Buffer[] {
  let left = count
  const first = lines.findIndex((line) => {
    if (line.length > left) return true
    left -= line.length
    return false
  })
  return first < 0 ? [] : lines.slice(first).map((line, index) => (index === 0 ? line.subarray(left) : line))
}
