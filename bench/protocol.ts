/**
 * What the harness asks of the generator's process and what it hears back: one job a line,
 * one answer a line, both JSON. Types only.
 */

export type BodySize = 'small' | 'medium' | 'large'

/** A streamed answer: how many events, and the pause between two of them. */
export interface StreamShape {
  readonly events: number
  readonly paceMs: number
}

export interface Destination {
  readonly port: number
  /** What the client shows as its key. */
  readonly key: string
}

/** Open loop: requests leave by the clock, whatever has become of those before them. */
export interface LoadJob {
  readonly kind: 'load'
  readonly to: Destination
  readonly body: BodySize
  /** Undefined: whole answers. */
  readonly stream?: StreamShape | undefined
  readonly ratePerSecond: number
  /** Sent first, at the same rate; counted as requests, left out of the latencies. */
  readonly leadSeconds: number
  readonly seconds: number
  /** Opened before the first request; more are opened when all are busy. */
  readonly connections: number
  /** Equal seeds give equal arrival times. */
  readonly seed: number
}

/** Closed loop, as fast as it goes: to warm a target up. */
export interface WarmJob {
  readonly kind: 'warm'
  readonly to: Destination
  readonly body: BodySize
  readonly stream?: StreamShape | undefined
  readonly requests: number
  readonly connections: number
}

/** Opens streams that stay silent after their first content, until as many are open. */
export interface HoldJob {
  readonly kind: 'hold'
  readonly to: Destination
  readonly body: BodySize
  readonly streams: number
}

/** Lets go of all streams that `hold` opened. */
export interface ReleaseJob {
  readonly kind: 'release'
}

export type Job = LoadJob | WarmJob | HoldJob | ReleaseJob

/** Milliseconds. */
export interface Quantiles {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

export interface LoadResult {
  readonly scheduled: number
  readonly answered: number
  /** Answered with something else than the whole of what was asked for, or not at all. */
  readonly failed: number
  readonly firstFailure?: string | undefined
  readonly events: number
  /** Requests written, over the time that it took to write them. */
  readonly sentPerSecond: number
  /** From the scheduled arrival to the last byte. */
  readonly latencyMs: Quantiles
  /** From the scheduled arrival to the first byte of the first content event; of streams only. */
  readonly ttftMs?: Quantiles | undefined
  /** How much later than scheduled the requests were written. */
  readonly latenessMs: Quantiles
  readonly connectionsOpened: number
}

export interface WarmResult {
  readonly answered: number
  readonly failed: number
  readonly firstFailure?: string | undefined
  readonly perSecond: number
}

export interface HoldResult {
  readonly open: number
}

export interface Results {
  readonly load: LoadResult
  readonly warm: WarmResult
  readonly hold: HoldResult
  readonly release: HoldResult
}

export type Reply<Kind extends Job['kind'] = Job['kind']> =
  | { readonly ok: true; readonly result: Results[Kind] }
  | { readonly ok: false; readonly message: string }

/** Tells the simulated upstream how to answer: `events/paceMs`, or `hold`. Absent: a whole answer. */
export const SHAPE_HEADER = 'x-bench-stream'
