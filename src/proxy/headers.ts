/**
 * The only rules by which headers change on their way (G1), in both directions. What is not
 * named here passes as it came, in its order. Must not read a value it does not change.
 */
import type { Header, Headers } from '../core/headers.ts'

/** Fields of one connection, not of the message (RFC 9110 §7.6.1), and the framing, which is ours. */
const HOP_BY_HOP: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'expect',
  'http2-settings',
]

const NOT_UPSTREAM: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'host',
  /* credentials and cookies of the client */
  'authorization',
  'x-api-key',
  'api-key',
  'cookie',
  /* where the client sits */
  'forwarded',
  'via',
  'x-real-ip',
  'true-client-ip',
  'cf-connecting-ip',
  /* bytes must come back readable, see `accept-encoding` below */
  'accept-encoding',
  /* pages that the client has open */
  'origin',
  'referer',
])

const NOT_TO_CLIENT: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'set-cookie',
  /* promises of another origin than ours */
  'alt-svc',
  'strict-transport-security',
])

const OWN_PREFIX = 'x-spillway-'
const FORWARDING_PREFIX = 'x-forwarded-'
const BROWSER_PREFIX = 'sec-'
const LIMIT_PREFIXES = ['anthropic-ratelimit-', 'anthropic-priority-', 'anthropic-fast-'] as const
const ORGANIZATION = 'anthropic-organization-id'

interface Sender {
  readonly credential: Headers
  /** Values that `anthropic-beta` must hold beside the client's own. */
  readonly betas: readonly string[]
  /** What the operator adds for this account, in the place of the client's own of that name. */
  readonly added: Headers
}

/** What goes upstream: the client's headers by the rules, then what the account brings, its credential last. */
export function toUpstreamHeaders(headers: Headers, { credential, betas, added }: Sender): Headers {
  const named = namedByConnection(headers)
  const kept = headers.filter(
    ([name]) => goesUpstream(name) && !named.has(name) && !added.some(([own]) => own === name),
  )
  return [...withBetas(kept, betas), IDENTITY, ...added, ...credential]
}

const BETA = 'anthropic-beta'

/** The client's list stays as it is, values that it lacks come at its end (`wire.md` §2.5). */
function withBetas(headers: Headers, betas: readonly string[]): Headers {
  if (betas.length === 0) return headers
  const present = headers.filter(([name]) => name === BETA).flatMap(([, value]) => value.split(','))
  const missing = betas.filter((beta) => !present.some((value) => value.trim() === beta))
  if (missing.length === 0) return headers
  const last = headers.findLastIndex(([name]) => name === BETA)
  if (last < 0) return [...headers, [BETA, missing.join(',')]]
  return headers.map((header, index) =>
    index === last ? ([BETA, [header[1], ...missing].join(',')] as const) : header,
  )
}

const IDENTITY: Header = ['accept-encoding', 'identity']

/**
 * What goes to the client: the upstream's headers by the rules, then ours. Limit headers
 * speak of one account's plan; clients take them for their own, so they are left out unless
 * the operator wants them shown (`wire.md` §1.7), and with them whose account it is.
 */
export function toClientHeaders(headers: Headers, own: Headers, showsAccount: boolean): Headers {
  const named = namedByConnection(headers)
  const kept = headers.filter(
    ([name]) => goesToClient(name) && (showsAccount || !isOfOneAccount(name)) && !named.has(name),
  )
  return [...kept, ...own]
}

const isOfOneAccount = remembered(
  (name) => LIMIT_PREFIXES.some((prefix) => name.startsWith(prefix)) || name === ORGANIZATION,
)

/** The rule for a name is looked up, not worked out, from its second time on. */
function remembered(rule: (name: string) => boolean): (name: string) => boolean {
  const known = new Map<string, boolean>()
  return (name) => {
    const verdict = known.get(name)
    if (verdict !== undefined) return verdict
    const found = rule(name)
    if (known.size < MOST_REMEMBERED) known.set(name, found)
    return found
  }
}

const MOST_REMEMBERED = 1_000

const goesUpstream = remembered(
  (name) =>
    !NOT_UPSTREAM.has(name) &&
    !name.startsWith(OWN_PREFIX) &&
    !name.startsWith(FORWARDING_PREFIX) &&
    !name.startsWith(BROWSER_PREFIX),
)

const goesToClient = remembered((name) => !NOT_TO_CLIENT.has(name) && !name.startsWith(OWN_PREFIX))

const NONE: ReadonlySet<string> = new Set()

/** RFC 9110 §7.6.1: whatever `Connection` names belongs to the connection too. */
function namedByConnection(headers: Headers): ReadonlySet<string> {
  if (!headers.some(isConnection)) return NONE
  const names = headers.filter(isConnection).flatMap(([, value]) => value.toLowerCase().split(','))
  return new Set(names.map((name) => name.trim()))
}

const isConnection = ([name]: Header): boolean => name === 'connection'
