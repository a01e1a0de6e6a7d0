/**
 * Looks at the beginning of an answer before the client gets any of it: up to the first
 * content event of a stream, up to the first bytes of anything else. As long as it is held,
 * another account can still serve the request. Must not write to the client.
 */
import type { Cause, Failure } from '../core/failure.ts'
import { headerOf, isEventStream } from '../core/headers.ts'
import type { Clock } from '../core/ports/clock.ts'
import { type BodyEnd, isEnd, type UpstreamAnswer } from '../core/ports/upstream.ts'
import type { Usage } from '../core/usage.ts'
import { type ErrorEnvelope, readErrorEnvelope } from '../dialects/messages/error.ts'
import { createMessageStream, type MessageStream } from '../dialects/messages/stream.ts'
import type { Provider } from '../providers/provider.ts'
import { asksModel } from './endpoint.ts'
import type { Job } from './job.ts'
import type { TimeLimits } from './settings.ts'

/** An answer of which the client is to get everything from here on. */
export interface Begun {
  readonly answer: UpstreamAnswer
  /** The first bytes, already read. */
  readonly held: Uint8Array
  /** The read that was under way when the answer had been held for long enough. */
  readonly next?: ReturnType<UpstreamAnswer['body']['read']> | undefined
  /** Follows an event stream; undefined for anything else. */
  readonly stream: MessageStream | undefined
  /** The time limit that runs while the answer comes. */
  readonly watch: Watch
}

export type Held =
  | { readonly kind: 'begun'; readonly begun: Begun }
  /** `usage`: what it had said until it broke off. */
  | { readonly kind: 'failed'; readonly failure: Failure; readonly usage?: Usage }
  /** A whole answer that is an error in the provider's own shape, and the status it should have had. */
  | { readonly kind: 'hidden'; readonly begun: Begun; readonly status: number; readonly text: string }
  /** The first word of the answer, status 200 and all, is an error. */
  | { readonly kind: 'error'; readonly begun: Begun; readonly error: ErrorEnvelope; readonly text: string }

/** A running time limit that cancels the answer when it fires. */
export interface Watch {
  readonly hasFired: boolean
  stop(): void
}

export function watch(ms: number, clock: Clock, answer: UpstreamAnswer): Watch {
  let hasFired = false
  const fire = (): void => {
    hasFired = true
    answer.body.cancel()
  }
  const stop = ms > 0 ? clock.after(ms, fire) : () => {}
  return {
    stop,
    get hasFired() {
      return hasFired
    },
  }
}

const NOTHING = new Uint8Array(0)
const MOST_HELD_BYTES = 256 * 1024

interface HoldOptions {
  readonly clock: Clock
  readonly times: TimeLimits
  readonly sentAt: number
  /** How the provider hides errors behind a 200; undefined where it does not. */
  readonly readHiddenError: Provider['readHiddenError'] | undefined
}

/** `times.totalMs` counts from `sentAt` (elapsed time); the other limits from now. */
export function hold(
  job: Job,
  answer: UpstreamAnswer,
  { clock, times, sentAt, readHiddenError }: HoldOptions,
): Promise<Held> {
  const isPlain = (headerOf(answer.headers, 'content-encoding') ?? 'identity') === 'identity'
  const isFollowed = isPlain && job.endpoint.kind === 'messages' && isEventStream(answer.headers)
  const isLimited = !job.facts.isStream && asksModel(job.endpoint) && times.totalMs > 0
  const leftMs = isLimited ? Math.max(1, times.totalMs - (clock.elapsed() - sentAt)) : 0
  if (!isFollowed) return holdBytes(job, answer, watch(leftMs, clock, answer), readHiddenError)
  const running = watch(job.facts.isStream ? times.contentMs : leftMs, clock, answer)
  return holdStream(answer, running, times.holdMs, clock)
}

async function holdBytes(
  job: Job,
  answer: UpstreamAnswer,
  running: Watch,
  readHiddenError: HoldOptions['readHiddenError'],
): Promise<Held> {
  const mayBeEmpty = !asksModel(job.endpoint)
  const first = await answer.body.read()
  if (!isEnd(first)) {
    const held = checkBytes(answer, first, running)
    return held.kind === 'begun' && readHiddenError !== undefined
      ? checkHidden(held.begun, readHiddenError)
      : held
  }
  if (first.end === 'clean' && mayBeEmpty) {
    return { kind: 'begun', begun: { answer, held: NOTHING, stream: undefined, watch: running } }
  }
  running.stop()
  return { kind: 'failed', failure: brokenOff(first, running) }
}

const ERROR_START = [...'{"type":"error"'].map((character) => character.charCodeAt(0))

/** Some providers answer 200 and put an error where the message should be. */
function checkBytes(answer: UpstreamAnswer, held: Uint8Array, running: Watch): Held {
  const begun: Begun = { answer, held, stream: undefined, watch: running }
  const isError = ERROR_START.every((code, index) => held[index] === code) && answer.body.isComplete
  const text = isError ? toText(held) : ''
  const error = isError ? readErrorEnvelope(text) : undefined
  return error === undefined ? { kind: 'begun', begun } : { kind: 'error', begun, error, text }
}

/** Whatever is longer is an answer. */
const MOST_HIDDEN_BYTES = 16 << 10

/** Some call their errors otherwise; whose provider does so says how to tell them (`wire.md` §4.3). */
function checkHidden(begun: Begun, readHiddenError: NonNullable<HoldOptions['readHiddenError']>): Held {
  const { answer, held } = begun
  if (!answer.body.isComplete || held.length > MOST_HIDDEN_BYTES) return { kind: 'begun', begun }
  const text = toText(held)
  const status = readHiddenError(text)
  return status === undefined ? { kind: 'begun', begun } : { kind: 'hidden', begun, status, text }
}

async function holdStream(
  answer: UpstreamAnswer,
  running: Watch,
  holdMs: number,
  clock: Clock,
): Promise<Held> {
  const stream = createMessageStream()
  const pieces: Uint8Array[] = []
  let size = 0
  const { promise: late, resolve } = Promise.withResolvers<'late'>()
  const stopHolding = clock.after(holdMs, () => resolve('late'))
  let next = answer.body.read()
  let part: Awaited<typeof next> | 'late' = await next
  while (part !== 'late') {
    if (isEnd(part)) {
      stopHolding()
      running.stop()
      return { kind: 'failed', failure: brokenOff(part, running), usage: stream.usage }
    }
    pieces.push(part)
    size += part.length
    stream.see(part)
    if (stream.hasContent || stream.error !== undefined || size >= MOST_HELD_BYTES) break
    next = answer.body.read()
    part = await Promise.race([next, late])
  }
  stopHolding()
  const [first = NOTHING] = pieces
  const held = pieces.length === 1 ? first : Buffer.concat(pieces)
  const begun: Begun = { answer, held, next: part === 'late' ? next : undefined, stream, watch: running }
  const { error, hasContent } = stream
  return error === undefined || hasContent
    ? { kind: 'begun', begun }
    : { kind: 'error', begun, error, text: stream.errorText }
}

const decoder = new TextDecoder()
const toText = (bytes: Uint8Array): string => decoder.decode(bytes)

/** Nothing of the answer has been handed on, so that it broke off is a failure like any other. */
function brokenOff({ end }: BodyEnd, running: Watch): Failure {
  const [cause, evidence] = running.hasFired ? LATE : (ENDINGS[end] ?? RESET)
  return { cause, scope: { kind: 'request' }, evidence }
}

const LATE: readonly [Cause, string] = ['content-timeout', 'its answer had no content in time']
const RESET: readonly [Cause, string] = ['reset', 'its connection broke before any content']
const ENDINGS: Readonly<Partial<Record<BodyEnd['end'], readonly [Cause, string]>>> = {
  clean: ['empty-answer', 'its answer was empty'],
  idle: ['content-timeout', 'its answer stalled before any content'],
  framing: ['bad-response', 'its answer was framed wrongly'],
}
