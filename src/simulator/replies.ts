/**
 * What the simulated provider can be told to do, as lists of actions on its raw connection:
 * healthy answers, every refusal of `wire.md` §1.6–1.7, and every way to break. To add a
 * fault, add a function here. Pure: nothing is sent from this file.
 */
import type { Header, Headers } from '../core/headers.ts'
import { writeFields, writeStatusLine } from '../http1/write.ts'
import { errorEvent, type SimulatedMessage, streamEvents, wholeMessage } from './events.ts'

export type Action =
  /** Raw bytes; text is written as UTF-8. */
  | { readonly kind: 'send'; readonly bytes: string | Uint8Array }
  | { readonly kind: 'wait'; readonly ms: number }
  /** Goes on when the promise is settled, or when the other side has left. */
  | { readonly kind: 'until'; readonly released: Promise<void> }
  /** An orderly end of the connection. */
  | { readonly kind: 'close' }
  | { readonly kind: 'reset' }

export type Reply = readonly Action[]

export const send = (bytes: string | Uint8Array): Action => ({ kind: 'send', bytes })
export const wait = (ms: number): Action => ({ kind: 'wait', ms })
export const until = (released: Promise<void>): Action => ({ kind: 'until', released })
export const close: Action = { kind: 'close' }
export const reset: Action = { kind: 'reset' }
/** Never goes on; the connection stays open until the other side leaves. */
export const stall: Action = { kind: 'until', released: new Promise(() => {}) }

const JSON_TYPE: Header = ['content-type', 'application/json']
/** RFC 6749 §5.1: nobody on the way keeps answers of the token endpoint. */
export const NOT_STORED: Header = ['cache-control', 'no-store']
const EVENT_TYPE: Header = ['content-type', 'text/event-stream; charset=utf-8']

export const head = (status: number, headers: Headers): string =>
  `${writeStatusLine(status)}${writeFields(headers)}\r\n`

export const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
export const LAST_CHUNK = '0\r\n\r\n'

/** A whole answer with its length. */
export const whole = (status: number, body: string, headers: Headers = [JSON_TYPE]): Reply => [
  send(`${head(status, [...headers, ['content-length', String(Buffer.byteLength(body))]])}${body}`),
]

export const json = (value: unknown, headers: Headers = []): Reply =>
  whole(200, JSON.stringify(value), [JSON_TYPE, ...headers])

export const message = (simulated: SimulatedMessage, headers: Headers = []): Reply =>
  whole(200, wholeMessage(simulated), [JSON_TYPE, ['request-id', `req_${simulated.id}`], ...headers])

/** A streamed answer; `pause` stands between two events. */
export const stream = (
  simulated: SimulatedMessage,
  pause: readonly Action[] = [],
  headers: Headers = [],
): Reply => eventStream(streamEvents(simulated), pause, headers)

export const eventStream = (
  events: readonly string[],
  pause: readonly Action[] = [],
  headers: Headers = [],
): Reply => [
  send(head(200, [EVENT_TYPE, ['transfer-encoding', 'chunked'], ['cache-control', 'no-cache'], ...headers])),
  ...events.flatMap((event) => [send(chunk(event)), ...pause]),
  send(LAST_CHUNK),
]

/** The beginning of an event stream and then something else: how streams break. */
export const brokenStream = (events: readonly string[], then: readonly Action[]): Reply => [
  send(head(200, [EVENT_TYPE, ['transfer-encoding', 'chunked']])),
  ...events.map((event) => send(chunk(event))),
  ...then,
]

/** The same reply one byte at a time. */
export const byByte = (reply: Reply): Reply =>
  reply.flatMap((action) => {
    if (action.kind !== 'send') return [action]
    const bytes = typeof action.bytes === 'string' ? Buffer.from(action.bytes) : action.bytes
    return Array.from(bytes, (byte) => send(new Uint8Array([byte])))
  })

export const refusal = (status: number, type: string, text: string, headers: Headers = []): Reply =>
  refused(status, { type, message: text }, headers)

const refused = (status: number, error: object, headers: Headers = []): Reply =>
  whole(status, JSON.stringify({ type: 'error', error, request_id: 'req_simulated' }), [
    JSON_TYPE,
    ...headers,
  ])

export const unauthorized: Reply = refusal(401, 'authentication_error', 'invalid x-api-key')
export const forbidden: Reply = refusal(403, 'permission_error', 'Your API key does not have permission.')
export const badRequest: Reply = refusal(
  400,
  'invalid_request_error',
  'prompt is too long: 300000 tokens > 200000 maximum',
)
export const unknownModel = (model: string): Reply => refusal(404, 'not_found_error', `model: ${model}`)
export const serverError: Reply = refusal(500, 'api_error', 'Internal server error')
export const overloaded: Reply = refusal(529, 'overloaded_error', 'Overloaded')
/** No limit header at all: refused, but not because of a limit of the account. */
export const refusedWithoutReason: Reply = refusal(429, 'rate_limit_error', 'Error', [
  ['x-should-retry', 'true'],
])

export const throttled = (seconds: number): Reply =>
  refusal(429, 'rate_limit_error', 'Too many requests', [['retry-after', String(seconds)]])

/** A subscription's window that is spent; `resetsAt` in epoch seconds. */
export const windowSpent = (window: '5h' | '7d' | '7d_oi', resetsAt: number): Reply =>
  refusal(429, 'rate_limit_error', 'This request would exceed your account’s rate limit.', [
    ['anthropic-ratelimit-unified-status', 'rejected'],
    ['anthropic-ratelimit-unified-reset', String(resetsAt)],
    ...(['5h', '7d'] as const).flatMap(
      (name): Headers => [
        [`anthropic-ratelimit-unified-${name}-status`, name === window ? 'rejected' : 'allowed'],
        [`anthropic-ratelimit-unified-${name}-utilization`, name === window ? '1.0' : '0.37'],
        [`anthropic-ratelimit-unified-${name}-reset`, String(resetsAt)],
      ],
    ),
    ...(window === '7d_oi'
      ? ([
          ['anthropic-ratelimit-unified-7d_oi-status', 'rejected'],
          ['anthropic-ratelimit-unified-7d_oi-reset', String(resetsAt)],
        ] satisfies Headers)
      : []),
  ])

/** What an access token meets (`wire.md` §1.6), by what is wrong with it. */
export const tokenExpired: Reply = refusal(
  401,
  'authentication_error',
  'OAuth token has expired. Please obtain a new token or refresh your existing token.',
)
export const bearerUnknown: Reply = refusal(401, 'authentication_error', 'Invalid bearer token')
/** The beta of OAuth is missing. */
export const oauthUnsupported: Reply = refusal(
  401,
  'authentication_error',
  'OAuth authentication is currently not supported.',
)
export const oauthNotAllowed: Reply = refused(403, {
  type: 'permission_error',
  message: 'OAuth authentication is currently not allowed for this organization.',
  details: { error_code: 'oauth_not_allowed_for_organization' },
})
export const scopeMissing = (scope: string): Reply =>
  refusal(403, 'permission_error', `OAuth token does not meet scope requirement ${scope}`)

/** RFC 6749 §5.2. */
export type OAuthError =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'unauthorized_client'
  | 'unsupported_grant_type'

/** A refusal by the token endpoint, which has another shape than all others (`wire.md` §2.4). */
export const oauthRefusal = (error: OAuthError, description: string): Reply =>
  whole(error === 'invalid_client' ? 401 : 400, JSON.stringify({ error, error_description: description }), [
    JSON_TYPE,
    NOT_STORED,
  ])

/** An edge's page instead of an answer (`wire.md` §4.3). */
export const html = (status: number, headers: Headers = []): Reply =>
  whole(
    status,
    `<!DOCTYPE html>\n<html><head><title>${status}</title></head><body><h1>${status}</h1></body></html>\n`,
    [['content-type', 'text/html; charset=utf-8'], ...headers],
  )

/** An error event as the stream's first word. */
export const errorFirst = (type: string, text: string): Reply => eventStream([errorEvent(type, text)])
