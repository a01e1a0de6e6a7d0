/**
 * Reads what an answer used while it passes: out of the followed event stream, out of a
 * bounded copy of a JSON answer, or out of a decoded copy of a compressed one. Must not
 * touch the bytes that pass, and gives up rather than grow.
 */
import { type Headers, headerOf, isEventStream } from '../core/headers.ts'
import { NO_USAGE, type Usage } from '../core/usage.ts'
import { type Made, NOTHING_MADE, readMessageAnswer } from '../dialects/messages/answer.ts'
import { createMessageStream, type MessageStream } from '../dialects/messages/stream.ts'
import type { ProxyContext } from './context.ts'
import type { Begun } from './hold.ts'
import type { Job } from './job.ts'

export interface Meter {
  see(bytes: Uint8Array): void
  /** To be asked when no more bytes come. */
  result(): Promise<Reading>
}

export interface Reading {
  readonly usage: Usage
  /** Whether the terminal event came; undefined for answers that have none. */
  readonly isWhole: boolean | undefined
  readonly made: Made
}

interface Reader {
  see(bytes: Uint8Array): void
  result(): Reading
}

const MOST_COPIED_BYTES = 4 << 20

/** The held bytes have been seen by a followed stream already, so they are not shown to it again. */
export function createMeter(job: Job, { answer, held, stream }: Begun, { decode }: ProxyContext): Meter {
  if (stream !== undefined) return { see: stream.see, result: async () => ofStream(stream) }
  const reader = job.endpoint.kind === 'messages' ? readerOf(answer.headers) : BLIND
  const encoding = headerOf(answer.headers, 'content-encoding') ?? 'identity'
  const decoding = encoding === 'identity' ? undefined : decode(encoding, reader.see)
  const meter: Meter =
    encoding === 'identity'
      ? { see: reader.see, result: async () => reader.result() }
      : {
          see: (bytes) => decoding?.push(bytes),
          async result() {
            await decoding?.end()
            return decoding === undefined ? BLIND.result() : reader.result()
          },
        }
  meter.see(held)
  return meter
}

const NOTHING_READ: Reading = { usage: NO_USAGE, isWhole: undefined, made: NOTHING_MADE }
const BLIND: Reader = { see: () => {}, result: () => NOTHING_READ }

const readerOf = (headers: Headers): Reader => (isEventStream(headers) ? eventReader() : jsonReader())

function eventReader(): Reader {
  const stream = createMessageStream()
  return { see: stream.see, result: () => ofStream(stream) }
}

const ofStream = ({ usage, isWhole, made }: MessageStream): Reading => ({ usage, isWhole, made })

function jsonReader(): Reader {
  let pieces: Uint8Array[] = []
  let size = 0
  return {
    see(bytes) {
      size += bytes.length
      if (size <= MOST_COPIED_BYTES) pieces.push(bytes)
      else pieces = []
    },
    result() {
      if (size > MOST_COPIED_BYTES) return NOTHING_READ
      const { usage, made } = readMessageAnswer(textOf(pieces))
      return { usage, isWhole: undefined, made }
    },
  }
}

const decoder = new TextDecoder()

function textOf(pieces: readonly Uint8Array[]): string {
  const [first] = pieces
  return decoder.decode(pieces.length === 1 ? first : Buffer.concat(pieces))
}
