/**
 * What routing reads out of a Messages request, from its bytes: the model, whether the
 * answer is to be streamed, and what identifies the conversation. Must not decode the rest,
 * and must never write the body anew (G1).
 */
import { findElements, findMembers, readString, type Span } from '../json-scan.ts'

export interface MessagesRequest {
  readonly model: string | undefined
  /** Where the model's value stands, quotes included: a mapped model is written there. */
  readonly modelSpan: Span | undefined
  /** Where `max_tokens` stands. */
  readonly maxTokensSpan: Span | undefined
  readonly isStream: boolean
  /** The session in `metadata.user_id`, in either of its encodings. */
  readonly userSession: string | undefined
  /** The message that a server-side thread is to go on from (`wire.md` §1.3); empty: a thread is to begin. */
  readonly thread: string | undefined
  /** What a conversation begins with: system, tools and the first user message. */
  readonly opening: readonly Span[]
  readonly system: Span | undefined
  readonly tools: Span | undefined
  readonly messages: Span | undefined
}

const MEMBERS = [
  'model',
  'stream',
  'metadata',
  'system',
  'tools',
  'messages',
  'thread',
  'max_tokens',
] as const

/** Undefined when the body is not one JSON object. */
export function readMessagesRequest(body: Uint8Array): MessagesRequest | undefined {
  const members = findMembers(body, MEMBERS)
  if (members === undefined) return undefined
  const { model, stream, metadata, system, tools, messages, thread } = members
  const first = messages === undefined ? [] : firstUserMessage(body, messages)
  return {
    model: readString(body, model),
    modelSpan: model,
    maxTokensSpan: members.max_tokens,
    isStream: stream !== undefined && body[stream.start] === LETTER_T,
    userSession: metadata === undefined ? undefined : readUserSession(body, metadata),
    thread: thread === undefined ? undefined : readThread(body, thread),
    opening: [system, tools, ...first].filter((span) => span !== undefined),
    system,
    tools,
    messages,
  }
}

/** Undefined where there is none, or something else. */
export function readWholeNumber(body: Uint8Array, span: Span | undefined): number | undefined {
  if (span === undefined || span.end - span.start > LONGEST_NUMBER) return undefined
  let number = 0
  for (let at = span.start; at < span.end; at++) {
    const digit = (body[at] ?? 0) - DIGIT_0
    if (digit < 0 || digit > 9) return undefined
    number = number * 10 + digit
  }
  return number
}

const DIGIT_0 = 0x30
const LONGEST_NUMBER = 9

/** The body with another model, every other byte as it was. */
export function withModel(body: Uint8Array, span: Span, model: string): Uint8Array {
  const value = new TextEncoder().encode(JSON.stringify(model))
  const edited = new Uint8Array(body.length - (span.end - span.start) + value.length)
  edited.set(body.subarray(0, span.start))
  edited.set(value, span.start)
  edited.set(body.subarray(span.end), span.start + value.length)
  return edited
}

const LETTER_T = 0x74

/** Up to and with the first element whose role is "user": a system message may come before it. */
function firstUserMessage(body: Uint8Array, messages: Span): readonly Span[] {
  const isUser = (element: Span) => readString(body, findMembers(body, ['role'], element)?.role) === 'user'
  return findElements(body, messages, isUser) ?? []
}

const readThread = (body: Uint8Array, thread: Span): string =>
  readString(body, findMembers(body, ['previous_message_id'], thread)?.previous_message_id) ?? ''

/** `wire.md` §3.2: before 2.1.78 a joined string, since then JSON in a string. */
const OLD_USER_ID = /^user_[a-fA-F0-9]{64}_account_.*?_session_([a-f0-9-]+)$/

function readUserSession(body: Uint8Array, metadata: Span): string | undefined {
  const userId = readString(body, findMembers(body, ['user_id'], metadata)?.user_id)
  if (userId === undefined) return undefined
  if (!userId.startsWith('{')) return OLD_USER_ID.exec(userId)?.[1]
  try {
    const session: unknown = JSON.parse(userId).session_id
    return typeof session === 'string' && session !== '' ? session : undefined
  } catch {
    return undefined
  }
}
