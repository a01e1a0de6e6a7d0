/**
 * What is kept of requests' and answers' headers and bodies. Keeping is done beside the
 * traffic: whoever hands something over goes on at once, and what cannot be kept is counted
 * and left out. Bodies hold conversations: they are for the owner's eyes.
 */
import type { Headers } from '../headers.ts'
import type { Outcome } from '../ledger.ts'
import type { Mark, RedactionCount } from '../redaction.ts'
import type { Millis } from '../time.ts'

interface Exchange {
  /** The request's id in the ledger. */
  readonly id: string
  readonly at: Millis
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** What the client was sent; 0 if it left before. */
  readonly status: number
  readonly outcome: Outcome
  readonly account: string | undefined
  /** As the client asked for it; its request is kept as it came. */
  readonly model: string | undefined
  /** As the account was asked for it. */
  readonly servedModel: string | undefined
}

/** One side as it passed, nothing redacted yet. */
export interface GatheredPart {
  readonly headers: Headers
  /** Its beginning, or all of it; undefined where only headers are wanted. */
  readonly pieces: readonly Uint8Array[] | undefined
  /** Of the whole body. */
  readonly size: number
}

export interface GatheredPayload extends Exchange {
  readonly request: GatheredPart
  /** Undefined: the client left before it was answered. */
  readonly answer: GatheredPart | undefined
  /** Credentials of the client and of the accounts, which must not be kept wherever they stand. */
  readonly secrets: readonly string[]
}

export interface KeptPart {
  readonly headers: Headers
  readonly size: number
  readonly kept: 'whole' | 'beginning' | 'nothing'
  /** Byte for byte as it passed, but for the marks. */
  readonly body: Uint8Array
  /** What was blotted out of headers and body, by rule. */
  readonly redactions: readonly RedactionCount[]
  /** Where in the body. */
  readonly marks: readonly Mark[]
}

export interface KeptPayload extends Exchange {
  readonly request: KeptPart
  readonly answer: KeptPart | undefined
}

/** The request path's side. */
export interface PayloadKeeper {
  /** Whether so many more bytes of answers may be kept in memory until they are written. */
  hold(bytes: number): boolean
  /** Gives back what was held, where nothing is to be kept after all. */
  letGo(bytes: number): void
  /** Takes it over, with what is held for its answer. Returns at once and never throws. */
  keep(payload: GatheredPayload, heldBytes: number): void
}

export interface PayloadSummary {
  readonly count: number
  /** Of the file that holds them. */
  readonly bytes: number
  readonly oldest: Millis | undefined
  readonly newest: Millis | undefined
}

export interface PayloadStatus {
  /** Gathered and not yet written. */
  readonly waiting: number
  /** Since the start: could not be kept. */
  readonly dropped: number
  /** Why the last one could not be kept, as a sentence; undefined once one could again. */
  readonly problem: string | undefined
}

/** Reads wait for what was handed over before. All throw GatewayError where the file cannot be used. */
export interface PayloadStore extends PayloadKeeper {
  read(id: string): Promise<KeptPayload | undefined>
  has(id: string): Promise<boolean>
  summary(): Promise<PayloadSummary>
  status(): PayloadStatus
  /** Whether there was one. */
  forget(id: string): Promise<boolean>
  /** How many there were. */
  clear(): Promise<number>
}
