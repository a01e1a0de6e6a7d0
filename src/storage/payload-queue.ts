/**
 * What was gathered and waits to be written: bounded in bytes, handed over a batch at a time,
 * the next one when the one before is safe. What does not fit or cannot be written is counted.
 */
import type { GatheredPart, GatheredPayload, PayloadStatus } from '../core/ports/payloads.ts'
import type { ParcelPart, PayloadParcel } from './payload-worker.ts'

export interface PayloadQueue {
  hold(bytes: number): boolean
  letGo(bytes: number): void
  keep(payload: GatheredPayload, heldBytes: number): void
  status(): PayloadStatus
  /** Resolves when all that was taken over until now is written or lost. */
  settled(): Promise<void>
}

interface QueueOptions {
  /** Throws when nothing of it could be kept. */
  readonly write: (parcels: readonly PayloadParcel[]) => Promise<void>
  /** In a sentence. */
  readonly sentenceOf: (error: unknown) => string
  /** Told when payloads begin to be lost. */
  readonly onProblem: (sentence: string) => void
}

/** Of answers that still come, and of payloads that wait to be written. */
const MOST_HELD_BYTES = 128 << 20
const MOST_IN_BATCH = 64
const MOST_BATCH_BYTES = 16 << 20
const TOO_MUCH = 'Payloads came faster than they could be kept, so some were left out.'

interface Waiting {
  readonly payload: GatheredPayload
  readonly bytes: number
}

export function createPayloadQueue({ write, sentenceOf, onProblem }: QueueOptions): PayloadQueue {
  let waiting: Waiting[] = []
  let heldBytes = 0
  let taken = 0
  let finished = 0
  let dropped = 0
  let problem: string | undefined
  let writing: Promise<void> | undefined

  const drop = (count: number, sentence: string): void => {
    dropped += count
    if (problem === undefined) onProblem(sentence)
    problem = sentence
  }
  const writeBatch = async (batch: readonly Waiting[]): Promise<void> => {
    const before = dropped
    try {
      await write(batch.map(({ payload }) => toParcel(payload)))
      if (dropped === before) problem = undefined
    } catch (error) {
      drop(batch.length, sentenceOf(error))
    }
    finished += batch.length
    heldBytes -= sum(batch)
  }
  const goOn = (): void => {
    const batch = waiting.slice(0, batchLength(waiting))
    waiting = waiting.slice(batch.length)
    writing = batch.length === 0 ? undefined : writeBatch(batch).then(goOn)
  }
  const hold = (bytes: number): boolean => {
    if (heldBytes + bytes > MOST_HELD_BYTES) return false
    heldBytes += bytes
    return true
  }
  return {
    hold,
    letGo(bytes) {
      heldBytes -= bytes
    },
    keep(payload, answerBytes) {
      const requestBytes = lengthOf(payload.request.pieces)
      if (!hold(requestBytes)) {
        heldBytes -= answerBytes
        return drop(1, TOO_MUCH)
      }
      waiting.push({ payload, bytes: requestBytes + answerBytes })
      taken++
      if (writing === undefined) goOn()
    },
    status: () => ({ waiting: taken - finished, dropped, problem }),
    async settled() {
      for (const target = taken; finished < target; ) await writing
    },
  }
}

/** At least one. */
function batchLength(waiting: readonly Waiting[]): number {
  let bytes = 0
  const full = waiting.findIndex((each, index) => {
    bytes += each.bytes
    return index > 0 && bytes > MOST_BATCH_BYTES
  })
  return Math.min(full < 0 ? waiting.length : full, MOST_IN_BATCH)
}

const sum = (batch: readonly Waiting[]): number => batch.reduce((bytes, each) => bytes + each.bytes, 0)

const lengthOf = (pieces: readonly Uint8Array[] = []): number =>
  pieces.reduce((length, piece) => length + piece.length, 0)

/** The bodies are copied, once, each into memory of its own: what passed may still be on its way to a slow client. */
const toParcel = ({ request, answer, ...exchange }: GatheredPayload): PayloadParcel => ({
  ...exchange,
  request: toParcelPart(request),
  answer: answer && toParcelPart(answer),
})

function toParcelPart({ headers, size, pieces }: GatheredPart): ParcelPart {
  if (pieces === undefined) return { headers, size, body: undefined }
  const body = new Uint8Array(lengthOf(pieces))
  let at = 0
  for (const piece of pieces) {
    body.set(piece, at)
    at += piece.length
  }
  return { headers, size, body }
}
