/**
 * One client request with everything that was read out of it, and its ledger row in the
 * making. Reads what routing needs and no more; must not choose, send or answer.
 */
import type { ClientKey } from '../core/access.ts'
import type { AccountId } from '../core/account.ts'
import { costOf } from '../core/cost.ts'
import { GatewayError } from '../core/error.ts'
import { type Headers, headerOf } from '../core/headers.ts'
import type { AttemptRecord, DecisionRecord, LedgerRow, Outcome } from '../core/ledger.ts'
import { isReachable, type Owner } from '../core/owner.ts'
import type { ClientRequest, Reply } from '../core/ports/client.ts'
import { conversationOf } from '../core/session.ts'
import type { Millis } from '../core/time.ts'
import { NO_USAGE, type Usage } from '../core/usage.ts'
import type { Span } from '../dialects/json-scan.ts'
import { readMessagesRequest } from '../dialects/messages/request.ts'
import type { ProxyContext } from './context.ts'
import { asksModel, type Endpoint } from './endpoint.ts'

export interface Job {
  readonly id: string
  readonly request: ClientRequest
  readonly reply: Reply
  readonly endpoint: Endpoint
  readonly key: ClientKey | undefined
  readonly startedAt: Millis
  /** In the clock's `elapsed` time. */
  readonly startedElapsed: number
  /** When its body was there, from which on patience counts. */
  readonly readyAt: Millis
  readonly body: Uint8Array
  readonly facts: Facts
  readonly record: Record
}

export interface Facts {
  readonly model: string | undefined
  readonly modelSpan: Span | undefined
  readonly isStream: boolean
  /** Key of the conversation; undefined where nothing identifies one. */
  readonly conversation: string | undefined
  readonly session: string | undefined
  readonly agent: string | undefined
  readonly clientRetries: number
  readonly owner: Owner | undefined
  /** Its history stays at the provider, under the answer's id. */
  readonly isThread: boolean
}

/** What the row will say, as it becomes known. */
export interface Record {
  attempts: AttemptRecord[]
  decision: DecisionRecord
  account: { readonly id: AccountId; readonly name: string; readonly provider: string } | undefined
  servedModel: string | undefined
  ttftMs: number | undefined
  usage: Usage
  /** What the attempts signed with, so that no error text can carry it into the ledger (G5). */
  credentials: Headers
  isBooked: boolean
}

export const newRecord = (strategy: string): Record => ({
  attempts: [],
  decision: { strategy, candidates: [] },
  account: undefined,
  servedModel: undefined,
  ttftMs: undefined,
  usage: NO_USAGE,
  credentials: [],
  isBooked: false,
})

export const NO_FACTS: Facts = {
  model: undefined,
  modelSpan: undefined,
  isStream: false,
  conversation: undefined,
  session: undefined,
  agent: undefined,
  clientRetries: 0,
  owner: undefined,
  isThread: false,
}

/** Longer session names are digested: the binding table holds keys of bounded length. */
const LONGEST_KEY = 120

/** Throws GatewayError `bad-request` when the body is not what the endpoint takes. */
export function readFacts(
  request: ClientRequest,
  endpoint: Endpoint,
  body: Uint8Array,
  context: ProxyContext,
): Facts {
  const clientRetries = Number(headerOf(request.headers, 'x-stainless-retry-count') ?? 0) || 0
  const owner = endpoint.resources.map((id) => ownerOf(id, context)).find((each) => each !== undefined)
  if (!asksModel(endpoint)) {
    // What is in a batch is served where the batch is.
    const isBatch = endpoint.namesResults && endpoint.creates
    return { ...NO_FACTS, clientRetries, owner: owner ?? (isBatch ? ownerInBody(body, context) : undefined) }
  }
  const read = readMessagesRequest(body)
  if (read === undefined) {
    throw new GatewayError(
      'bad-request',
      'The request’s body is not a JSON object. Check that it was sent whole.',
    )
  }
  if (read.model === undefined) {
    throw new GatewayError(
      'bad-request',
      'The request’s body names no "model". Add one, such as "claude-sonnet-5-5".',
    )
  }
  const conversation = conversationOf({
    sessionHeader: headerOf(request.headers, 'x-claude-code-session-id'),
    agentHeader: headerOf(request.headers, 'x-claude-code-agent-id'),
    userSession: read.userSession,
  })
  const key = conversation?.key ?? digestOf(body, read.opening, context)
  return {
    model: read.model,
    modelSpan: read.modelSpan,
    isStream: read.isStream && endpoint.kind === 'messages',
    conversation: key !== undefined && key.length > LONGEST_KEY ? context.sha256(key) : key,
    session: (conversation?.session ?? key)?.slice(0, LONGEST_KEY),
    agent: conversation?.agent?.slice(0, LONGEST_KEY),
    clientRetries,
    owner: owner ?? threadOwner(read.thread, context) ?? ownerInBody(body, context),
    isThread: read.thread !== undefined,
  }
}

const digestOf = (
  body: Uint8Array,
  opening: readonly Span[],
  { digest }: ProxyContext,
): string | undefined => (opening.length === 0 ? undefined : `opening-${digest(body, opening)}`)

/** A thread that nobody here knows is sent on: the provider’s 404 makes the client send everything anew (`wire.md` §1.3). */
function threadOwner(previous: string | undefined, { owners, pool }: ProxyContext): Owner | undefined {
  const owner = previous === undefined || previous === '' ? undefined : owners.ownerOf(previous)
  return owner !== undefined && pool.views().some((view) => isReachable(owner, view)) ? owner : undefined
}

const NAMED_RESOURCES = ['"file_', '"container_', '"skill_'].map((text) => Buffer.from(text))

/** A file, container or skill that the request names decides which account can serve it (`wire.md` §1.8). */
function ownerInBody(body: Uint8Array, context: ProxyContext): Owner | undefined {
  if (context.owners.isEmpty) return undefined
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
  for (const start of NAMED_RESOURCES) {
    for (let at = bytes.indexOf(start); at >= 0; at = bytes.indexOf(start, at + 1)) {
      const end = bytes.indexOf('"', at + 1)
      const owner =
        end < 0 || end - at > 140 ? undefined : ownerOf(bytes.toString('latin1', at + 1, end), context)
      if (owner !== undefined) return owner
    }
  }
  return undefined
}

/** Throws GatewayError `not-found` when what was made by somebody is reached by nobody any more. */
function ownerOf(id: string, { owners, pool }: ProxyContext): Owner | undefined {
  const found = owners.ownerOf(id)
  // Its organization may have become known only since.
  const owner = found && {
    ...found,
    organization: found.organization ?? pool.standingOf(found.account).organization,
  }
  if (owner === undefined || pool.views().some((view) => isReachable(owner, view))) return owner
  throw new GatewayError(
    'not-found',
    `${id} was made by an account that is no longer here, and no other account of its organization is. ` +
      'Add an account of that organization, or make it anew.',
  )
}

const LONGEST_ERROR = 500

/** Writes the row, once; whatever is booked first stands. */
export function book(
  job: Job,
  context: ProxyContext,
  end: { readonly status: number; readonly outcome: Outcome; readonly error?: string | undefined },
): void {
  const { record, facts } = job
  if (record.isBooked) return
  record.isBooked = true
  const row: LedgerRow = {
    id: job.id,
    startedAt: job.startedAt,
    method: job.request.method,
    path: job.request.path,
    dialect: 'anthropic',
    provider: record.account?.provider,
    accountId: record.account?.id,
    account: record.account?.name,
    keyId: job.key?.id,
    key: job.key?.name,
    session: facts.session,
    agent: facts.agent,
    model: facts.model,
    servedModel: record.servedModel,
    stream: facts.isStream,
    status: end.status,
    outcome: end.outcome,
    attempts: record.attempts,
    decision: record.decision,
    ttftMs: record.ttftMs,
    durationMs: Math.round(context.clock.elapsed() - job.startedElapsed),
    usage: record.usage,
    costUsd: costOfJob(job, context),
    error: end.error === undefined ? undefined : end.error.slice(0, LONGEST_ERROR),
  }
  context.ledger.append(row)
  context.observe.booked(row)
}

/** What an upstream said, for the row: providers repeat keys in their messages (G5). */
export function withoutSecrets(text: string, { credentials }: Record): string {
  let shown = text
  for (const [, value] of credentials) {
    const secret = value.replace(/^Bearer /, '')
    if (secret !== '') shown = shown.replaceAll(secret, '[secret]')
  }
  return shown
}

/** Nothing was used where no model served; an unknown model is unpriced, not free. */
function costOfJob({ record, startedAt, endpoint }: Job, { observe }: ProxyContext): number | undefined {
  if (record.servedModel === undefined || endpoint.kind !== 'messages') return 0
  const cost = costOf(record.servedModel, record.usage, startedAt)
  if (cost === undefined) observe.unpriced(record.servedModel)
  return cost
}
