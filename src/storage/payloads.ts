/**
 * What is kept of headers and bodies, in a file of its own that a worker writes and reads.
 * Neither is there before the first payload, so that nobody who keeps none has either.
 * Traffic never waits for it.
 */
import { existsSync } from 'node:fs'
import type { Clock } from '../core/ports/clock.ts'
import type { Log } from '../core/ports/log.ts'
import type { KeptPayload, PayloadStore, PayloadSummary } from '../core/ports/payloads.ts'
import { DAY, later, MINUTE, type Millis } from '../core/time.ts'
import { createPayloadClient, sentenceOf, toUserProblem } from './payload-client.ts'
import { createPayloadQueue } from './payload-queue.ts'
import type { PayloadParcel, PayloadQuestion } from './payload-worker.ts'

export interface PayloadSettings {
  readonly budgetBytes: number
  /** 0: age alone is no reason to forget. */
  readonly retentionDays: number
  readonly patterns: readonly string[]
}

export interface PayloadsOptions {
  readonly file: string
  readonly key: () => Uint8Array
  readonly settings: () => PayloadSettings
  readonly clock: Clock
  readonly log: Log
}

export interface ClosablePayloads extends PayloadStore {
  /** Forgets what is too old by then, or too much, where anything is kept. */
  trim(now: Millis): Promise<void>
  /** Writes what waits, for a few seconds at most. */
  close(): Promise<void>
}

const LONGEST_CLOSE_MS = 5_000
const EMPTY: PayloadSummary = { count: 0, bytes: 0, oldest: undefined, newest: undefined }

export function createPayloads({ file, key, settings, clock, log }: PayloadsOptions): ClosablePayloads {
  const client = createPayloadClient(file, key)
  /** What goes wrong and right by turns is said once a minute. */
  let quietUntil = 0
  const trim = (before: Millis | undefined): Promise<unknown> =>
    client.ask({ kind: 'trim', bounds: { budgetBytes: settings().budgetBytes, before } })
  const queue = createPayloadQueue({
    async write(parcels) {
      await client.ask({ kind: 'keep', parcels, patterns: settings().patterns }, memoryOf(parcels))
      await trim(undefined).catch((error) => log.error('Old payloads could not be forgotten.', error))
    },
    sentenceOf: (error) => sentenceOf(error, file),
    onProblem(sentence) {
      if (clock.elapsed() < quietUntil) return
      quietUntil = clock.elapsed() + MINUTE
      log.warn(sentence)
    },
  })
  const isNothingKept = (): boolean => queue.status().waiting === 0 && !existsSync(file)
  const ask = async <T>(question: PayloadQuestion, nothing: T): Promise<T> => {
    if (isNothingKept()) return nothing
    await queue.settled()
    try {
      return (await client.ask(question)) as T
    } catch (error) {
      throw toUserProblem(error, file)
    }
  }
  return {
    hold: queue.hold,
    letGo: queue.letGo,
    keep: queue.keep,
    status: queue.status,
    read: (request) => ask<KeptPayload | undefined>({ kind: 'read', request }, undefined),
    has: (request) => ask({ kind: 'has', request }, false),
    summary: () => ask({ kind: 'summary' }, EMPTY),
    forget: (request) => ask({ kind: 'forget', request }, false),
    clear: () => ask({ kind: 'clear' }, 0),
    async trim(now) {
      const { retentionDays } = settings()
      if (!isNothingKept()) await trim(retentionDays === 0 ? undefined : later(now, -retentionDays * DAY))
    },
    async close() {
      const late = Promise.withResolvers<void>()
      const stop = clock.after(LONGEST_CLOSE_MS, late.resolve)
      await Promise.race([queue.settled(), late.promise])
      stop()
      await client.close()
    },
  }
}

/** Each body stands in memory of its own. */
const memoryOf = (parcels: readonly PayloadParcel[]): readonly ArrayBuffer[] =>
  parcels
    .flatMap(({ request, answer }) => [request.body, answer?.body])
    .flatMap((body) => (body?.buffer instanceof ArrayBuffer ? [body.buffer] : []))
