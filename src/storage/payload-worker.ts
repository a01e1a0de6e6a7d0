/**
 * Runs in a worker: redacts, compresses, seals and writes payloads, reads them back, and
 * keeps their file within its bounds, one thing after the other. Nothing that is not redacted
 * leaves it, and no error that leaves it holds anything of a payload.
 */
import { SQLiteError } from 'bun:sqlite'
import { GatewayError } from '../core/error.ts'
import type { GatheredPart, GatheredPayload, KeptPart, KeptPayload } from '../core/ports/payloads.ts'
import { type RedactionRule, redactPart, redactTarget, rulesFor } from '../core/redaction.ts'
import { toRules } from './patterns.ts'
import { openPayloadFile, type PayloadBounds, type PayloadFile } from './payload-file.ts'
import { openPayload, sealPayload } from './sealed-payload.ts'

declare const self: Worker

/** As it is handed over: each body in one piece. */
export type PayloadParcel = Omit<GatheredPayload, 'request' | 'answer'> & {
  readonly request: ParcelPart
  readonly answer: ParcelPart | undefined
}

export type ParcelPart = Omit<GatheredPart, 'pieces'> & { readonly body: Uint8Array | undefined }

export type PayloadQuestion =
  | { readonly kind: 'open'; readonly file: string; readonly key: Uint8Array }
  | {
      readonly kind: 'keep'
      readonly parcels: readonly PayloadParcel[]
      readonly patterns: readonly string[]
    }
  | { readonly kind: 'trim'; readonly bounds: PayloadBounds }
  | { readonly kind: 'read' | 'has' | 'forget'; readonly request: string }
  | { readonly kind: 'summary' | 'clear' }

export type PayloadRequest = PayloadQuestion & { readonly id: number }

export type PayloadAnswer = { readonly id: number } & (
  | { readonly value: unknown }
  | { readonly problem: PayloadProblem; readonly message: string }
)

export type PayloadProblem = 'full' | 'damaged' | 'unreachable' | 'sealed' | 'other'

let place: { readonly file: string; readonly key: Uint8Array } | undefined
let opened: PayloadFile | undefined

self.onmessage = ({ data }: MessageEvent<PayloadRequest>) => {
  const answer: PayloadAnswer = { id: data.id, ...outcome(data) }
  self.postMessage(answer)
}

function outcome(question: PayloadQuestion) {
  try {
    return { value: run(question) }
  } catch (error) {
    return { problem: problemOf(error), message: error instanceof Error ? error.message : String(error) }
  }
}

function run(question: PayloadQuestion): unknown {
  switch (question.kind) {
    case 'open':
      place = question
      return undefined
    case 'keep':
      return keep(question.parcels, toRules(question.patterns))
    case 'trim':
      return file().trim(question.bounds)
    case 'read':
      return read(question.request)
    case 'has':
      return file().has(question.request)
    case 'forget':
      return file().forget(question.request)
    case 'summary':
      return file().summary()
    case 'clear':
      return file().clear()
  }
}

function file(): PayloadFile {
  opened ??= openPayloadFile(place?.file ?? '')
  return opened
}

const keyOf = (): Uint8Array => place?.key ?? new Uint8Array(0)

function keep(parcels: readonly PayloadParcel[], own: readonly RedactionRule[]): void {
  file().add(
    parcels.map((parcel) => {
      const kept = toKept(parcel, own)
      return { id: kept.id, at: kept.at, sealed: sealPayload(kept, keyOf()) }
    }),
  )
}

function toKept({ secrets, ...parcel }: PayloadParcel, own: readonly RedactionRule[]): KeptPayload {
  const rules = rulesFor(secrets, own)
  return {
    ...parcel,
    target: redactTarget(parcel.target, rules),
    request: toKeptPart(parcel.request, rules),
    answer: parcel.answer && toKeptPart(parcel.answer, rules),
  }
}

const NOTHING = new Uint8Array(0)

function toKeptPart({ headers, size, body }: ParcelPart, rules: readonly RedactionRule[]): KeptPart {
  // Nothing can be found in what is compressed.
  const isReadable = headers.every(([name, value]) => name !== 'content-encoding' || value === 'identity')
  const bytes = body !== undefined && isReadable ? body : NOTHING
  const whole = bytes.length === size ? 'whole' : 'beginning'
  return {
    size,
    kept: bytes === NOTHING && size > 0 ? 'nothing' : whole,
    body: bytes,
    ...redactPart({ headers, body: bytes }, rules),
  }
}

function read(request: string): KeptPayload | undefined {
  const sealed = file().sealedOf(request)
  return sealed === undefined ? undefined : openPayload(request, sealed, keyOf())
}

function problemOf(error: unknown): PayloadProblem {
  if (error instanceof GatewayError) return 'sealed'
  const code = error instanceof SQLiteError ? (error.code ?? '') : ''
  if (code.startsWith('SQLITE_FULL')) return 'full'
  if (code.startsWith('SQLITE_CORRUPT') || code.startsWith('SQLITE_NOTADB')) return 'damaged'
  return code.startsWith('SQLITE_IOERR') ||
    code.startsWith('SQLITE_READONLY') ||
    code.startsWith('SQLITE_CANTOPEN')
    ? 'unreachable'
    : 'other'
}
