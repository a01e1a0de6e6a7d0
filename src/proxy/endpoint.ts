/**
 * Which of Anthropic's endpoints a request is for, as far as the gateway treats them
 * differently (`wire.md` §1.1). Matches paths, never whole URLs. Unknown paths under /v1
 * pass through; what speaks about one person is never answered by the pool.
 */
import type { EndpointName } from '../core/key-limits.ts'

export interface Endpoint {
  readonly kind: 'messages' | 'count-tokens' | 'identity' | 'other'
  /** Ids of files, batches and the like that the path names: they live in one organization. */
  readonly resources: readonly string[]
  /** A successful answer's `id` names something new that belongs to the answering account. */
  readonly creates: boolean
  /** A successful answer says where results are. */
  readonly namesResults: boolean
}

/** Asks a model: such an answer is never empty, and comes within a time. Others may be empty, or go on for hours. */
export const asksModel = ({ kind }: Endpoint): boolean => kind === 'messages' || kind === 'count-tokens'

const PLAIN = { resources: [], creates: false, namesResults: false }

export function endpointOf(method: string, path: string): Endpoint {
  if (isIdentity(path)) return { kind: 'identity', ...PLAIN }
  if (method === 'POST' && path === '/v1/messages') return { kind: 'messages', ...PLAIN }
  if (method === 'POST' && path === '/v1/messages/count_tokens') return { kind: 'count-tokens', ...PLAIN }
  const resources = path.split('/').filter((part) => RESOURCE.test(part))
  const creates = method === 'POST' && COLLECTION.test(path)
  return { kind: 'other', resources, creates, namesResults: BATCHES.test(path) }
}

/** As the rules of keys name it. */
export function endpointNameOf({ kind }: Endpoint, path: string): EndpointName {
  if (kind === 'messages') return 'messages'
  if (kind === 'count-tokens') return 'count_tokens'
  return NAMED.find(([, prefix]) => path === prefix || path.startsWith(`${prefix}/`))?.[0] ?? 'other'
}

const NAMED: readonly (readonly [EndpointName, string])[] = [
  ['batches', '/v1/messages/batches'],
  ['models', '/v1/models'],
  ['files', '/v1/files'],
]

/** Whether a path says who somebody is, or manages an organization: a pool's answer would be about a stranger. */
export const isIdentity = (path: string): boolean =>
  IDENTITY.test(path.includes('%') ? decoded(path) : path) && !OWN_API.test(path)

const IDENTITY =
  /^\/(?:v1\/(?:oauth|organizations|me|users?|sessions|session_ingress|code|environment_providers|mcp_servers)|api\/(?:oauth|claude_cli|claude_code|organizations|bootstrap|account))(?:\/|$)/
/** Of this gateway's own API, not the vendor's. */
const OWN_API = /^\/api\/oauth\/(?:init|callback)$/

/** What a provider may take the path for, byte by byte: what cannot be read somewhere in it hides nothing else. */
const decoded = (path: string): string =>
  path.replace(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))

const COLLECTION = /^\/v1\/(?:files|messages\/batches|skills)$/
const BATCHES = /^\/v1\/messages\/batches(?:\/msgbatch_[A-Za-z0-9_-]+(?:\/cancel)?)?$/
const RESOURCE = /^(?:file|msgbatch|skill)_[A-Za-z0-9_-]{1,128}$/
