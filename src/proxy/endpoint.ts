/**
 * Which of Anthropic's endpoints a request is for, as far as the gateway treats them
 * differently (`wire.md` §1.1). Matches paths, never whole URLs. Unknown paths under /v1
 * pass through.
 */

export interface Endpoint {
  readonly kind: 'messages' | 'count-tokens' | 'other'
  /** Ids of files, batches and the like that the path names: they live in one organization. */
  readonly resources: readonly string[]
  /** A successful answer's `id` names something new that belongs to the answering account. */
  readonly creates: boolean
  /** A successful answer says where results are. */
  readonly namesResults: boolean
}

const PLAIN = { resources: [], creates: false, namesResults: false }

/** Undefined: not for a pool to answer. */
export function endpointOf(method: string, path: string): Endpoint | undefined {
  if (NEVER_POOLED.test(path.includes('%') ? decoded(path) : path)) return undefined
  if (method === 'POST' && path === '/v1/messages') return { kind: 'messages', ...PLAIN }
  if (method === 'POST' && path === '/v1/messages/count_tokens') return { kind: 'count-tokens', ...PLAIN }
  const resources = path.split('/').filter((part) => RESOURCE.test(part))
  const creates = method === 'POST' && COLLECTION.test(path)
  return { kind: 'other', resources, creates, namesResults: BATCHES.test(path) }
}

/** They say who somebody is or manage an organization: an answer would be about a stranger. */
const NEVER_POOLED = /^\/v1\/(?:oauth|organizations|me|sessions)(?:\/|$)/

/** What a provider will take the path for; one that cannot be decoded is compared as it is. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

const COLLECTION = /^\/v1\/(?:files|messages\/batches|skills)$/
const BATCHES = /^\/v1\/messages\/batches(?:\/msgbatch_[A-Za-z0-9_-]+(?:\/cancel)?)?$/
const RESOURCE = /^(?:file|msgbatch|skill)_[A-Za-z0-9_-]{1,128}$/
