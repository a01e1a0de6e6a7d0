/**
 * Reads out of a request what routing needs and no more: the model, the conversation, who
 * made what it names, what it asks of routing. Must not choose, and never decodes the rest.
 */
import { GatewayError } from '../core/error.ts'
import { headerOf } from '../core/headers.ts'
import { isReachable, type Owner } from '../core/owner.ts'
import type { PoolRule } from '../core/rules.ts'
import { conversationOf } from '../core/session.ts'
import type { RequestFacts } from '../core/situation.ts'
import type { StrategyName } from '../core/strategies.ts'
import type { Span } from '../dialects/json-scan.ts'
import { type MessagesRequest, readMessagesRequest } from '../dialects/messages/request.ts'
import type { ProxyContext } from './context.ts'
import { asksModel } from './endpoint.ts'
import type { Job } from './job.ts'
import { NO_WANTS, wantsOf } from './wants.ts'

export interface Facts extends RequestFacts {
  readonly modelSpan: Span | undefined
  /** Where the most that the answer may become is said. */
  readonly maxTokensSpan: Span | undefined
  /** Where the parts of its prompt stand in the body. */
  readonly parts: MessagesRequest | undefined
  readonly isStream: boolean
  readonly session: string | undefined
  readonly agent: string | undefined
  /** Known before it is over only where a rule asks for it, or the client says it. */
  readonly agentKind: string | undefined
  /** The pool that serves it; undefined: every account. */
  readonly pool: PoolRule | undefined
  readonly strategy: StrategyName | undefined
  /** Its history stays at the provider, under the answer's id. */
  readonly isThread: boolean
}

export const NO_FACTS: Facts = {
  model: undefined,
  ...NO_WANTS,
  modelSpan: undefined,
  maxTokensSpan: undefined,
  parts: undefined,
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
export function readFacts(arrived: Job, body: Uint8Array, context: ProxyContext): Facts {
  const { request, endpoint } = arrived
  const clientRetries = Number(headerOf(request.headers, 'x-stainless-retry-count') ?? 0) || 0
  const owner = endpoint.resources.map((id) => ownerOf(id, context)).find((each) => each !== undefined)
  if (!asksModel(endpoint)) {
    // What is in a batch is served where the batch is.
    const isBatch = endpoint.namesResults && endpoint.creates
    return {
      ...NO_FACTS,
      ...wantsOf(arrived, undefined, context),
      clientRetries,
      owner: owner ?? (isBatch ? ownerInBody(body, context) : undefined),
    }
  }
  const read = readWhole(body)
  const conversation = conversationOf({
    sessionHeader: headerOf(request.headers, 'x-claude-code-session-id'),
    agentHeader: headerOf(request.headers, 'x-claude-code-agent-id'),
    userSession: read.userSession,
  })
  const key = conversation?.key ?? digestOf(body, read.opening, context)
  return {
    model: read.model,
    modelSpan: read.modelSpan,
    maxTokensSpan: read.maxTokensSpan,
    parts: read,
    ...wantsOf(arrived, { body, read, hasAgent: conversation?.agent !== undefined }, context),
    isStream: read.isStream && endpoint.kind === 'messages',
    conversation: key === undefined ? undefined : keyOf(key, context),
    session: (conversation?.session ?? key)?.slice(0, LONGEST_KEY),
    agent: conversation?.agent?.slice(0, LONGEST_KEY),
    clientRetries,
    owner: owner ?? threadOwner(read.thread, context) ?? ownerInBody(body, context),
    isThread: read.thread !== undefined,
  }
}

export const keyOf = (conversation: string, { sha256 }: Pick<ProxyContext, 'sha256'>): string =>
  conversation.length > LONGEST_KEY ? sha256(conversation) : conversation

function readWhole(body: Uint8Array): MessagesRequest & { readonly model: string } {
  const read = readMessagesRequest(body)
  if (read === undefined) {
    throw new GatewayError(
      'bad-request',
      'The request’s body is not a JSON object. Check that it was sent whole.',
    )
  }
  const { model } = read
  if (model !== undefined) return { ...read, model }
  throw new GatewayError(
    'bad-request',
    'The request’s body names no "model". Add one, such as "claude-sonnet-5-5".',
  )
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
