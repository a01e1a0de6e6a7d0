/**
 * Gathers what one request and its answer were, where the operator wants that kept: their
 * headers, and references to their bytes as they pass, up to a limit. Costs one look where
 * nothing is kept; must not copy, change or hold up anything that passes.
 */
import { credentialsOf } from '../core/access.ts'
import type { Headers } from '../core/headers.ts'
import type { LedgerRow } from '../core/ledger.ts'
import { gatheredBy, isKept, type PayloadRule, readPayloadRule } from '../core/payload.ts'
import type { Reply } from '../core/ports/client.ts'
import type { GatheredPart, PayloadKeeper } from '../core/ports/payloads.ts'
import type { ProxyContext } from './context.ts'
import type { Job } from './job.ts'

export interface Capture {
  readonly rule: PayloadRule
  /** Of the answer; the request's body is the job's. */
  readonly answer: Gathering
  body: Uint8Array
  row: LedgerRow | undefined
}

interface Gathering {
  /** Undefined where only headers are wanted. */
  readonly pieces: Uint8Array[] | undefined
  headers: Headers | undefined
  size: number
  /** Whether some of it was left out; from then on nothing more is taken. */
  isCut: boolean
  keptBytes: number
  /** What the keeper was told. */
  heldBytes: number
}

const NOTHING = new Uint8Array(0)
/** What a piece takes in memory beside its bytes. */
const PIECE_BYTES = 128

/** The job as it is, or with a reply that remembers what it was given. */
export function withCapture(job: Job, context: ProxyContext): Job {
  const { payloads, payloadMaxBytes } = context.settings()
  const rule = ruleOf(job) ?? payloads
  if (rule.kind === 'off') return job
  const gathered = gatheredBy(rule, job.id)
  if (gathered === 'nothing') return job
  const pieces = gathered === 'bodies' ? [] : undefined
  const answer = { pieces, headers: undefined, size: 0, isCut: false, keptBytes: 0, heldBytes: 0 }
  const capture: Capture = { rule, answer, body: NOTHING, row: undefined }
  return {
    ...job,
    reply: gatheringReply(job.reply, capture.answer, payloadMaxBytes, context.payloads),
    capture,
  }
}

const ruleOf = ({ key }: Job): PayloadRule | undefined =>
  key?.rules.payloads === undefined ? undefined : readPayloadRule(key.rules.payloads)

function gatheringReply(reply: Reply, into: Gathering, maxBytes: number, keeper: PayloadKeeper): Reply {
  return {
    start(status, headers, length) {
      into.headers = headers
      reply.start(status, headers, length)
    },
    write(bytes) {
      gather(into, bytes, maxBytes, keeper)
      return reply.write(bytes)
    },
    end(bytes) {
      if (bytes !== undefined) gather(into, bytes, maxBytes, keeper)
      reply.end(bytes)
    },
    break: () => reply.break(),
    get hasStarted() {
      return reply.hasStarted
    },
  }
}

function gather(into: Gathering, bytes: Uint8Array, maxBytes: number, keeper: PayloadKeeper): void {
  into.size += bytes.length
  if (into.pieces === undefined || into.isCut) return
  const room = maxBytes - into.keptBytes
  const piece = bytes.length <= room ? bytes : bytes.subarray(0, room)
  const isHeld = keeper.hold(piece.length + PIECE_BYTES)
  into.isCut = !isHeld || piece.length < bytes.length
  if (!isHeld) return
  into.heldBytes += piece.length + PIECE_BYTES
  into.keptBytes += piece.length
  into.pieces.push(piece)
}

/** The request is over: what is wanted of it goes to be kept, the rest is let go. */
export function endCapture(
  { capture, id, request, path, startedAt, record }: Job,
  context: ProxyContext,
): void {
  if (capture === undefined) return
  const { rule, answer, body, row } = capture
  const { payloads, settings } = context
  if (row === undefined || !isKept(rule, row.outcome)) return payloads.letGo(answer.heldBytes)
  const { account, model, servedModel, method, status, outcome } = row
  payloads.keep(
    {
      ...{ id, at: startedAt, method, target: `${path}${request.query}` },
      ...{ status, outcome, account, model, servedModel },
      request: {
        headers: request.headers,
        pieces: answer.pieces && [body.subarray(0, settings().payloadMaxBytes)],
        size: body.length,
      },
      answer: toPart(answer),
      secrets: [...credentialsOf(request.headers), ...record.credentials.map(withoutScheme)],
    },
    answer.heldBytes,
  )
}

const toPart = ({ headers, pieces, size }: Gathering): GatheredPart | undefined =>
  headers === undefined ? undefined : { headers, pieces, size }

const withoutScheme = ([, value]: Headers[number]): string => value.replace(/^Bearer /i, '')
