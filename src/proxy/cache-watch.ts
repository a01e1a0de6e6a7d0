/**
 * Says of a request that is over whether its prompt came out of a cache, and why not, and
 * remembers what is cached now. Its parts are hashed before the last bytes go out only where
 * a miss has to be explained. Carries out what core/cache-miss.ts decides.
 */
import {
  type CacheUse,
  type CacheVerdict,
  cachedAfter,
  cachedTokens,
  cacheVerdict,
} from '../core/cache-miss.ts'
import { readPrefix } from '../dialects/messages/prefix.ts'
import type { ProxyContext } from './context.ts'
import type { Job } from './job.ts'

export interface CacheWatch {
  readonly verdict: CacheVerdict | undefined
  /** To be called when the client has its answer. */
  readonly remember: () => void
}

/** Undefined where nothing was cached. */
export function watchCache(job: Job, context: ProxyContext): CacheWatch | undefined {
  const { facts, record, endpoint } = job
  const { conversation, parts } = facts
  const { account, usage } = record
  if (conversation === undefined || parts === undefined || account === undefined) return undefined
  if (endpoint.kind !== 'messages' || cachedTokens(usage) === 0) return undefined
  const { caches, pool } = context
  const known = caches.of(conversation)
  const use: CacheUse = {
    account: account.id,
    organization: pool.standingOf(account.id).organization,
    model: facts.model,
    servedModel: record.servedModel,
    usage,
    at: job.readyAt,
    prefix: once(() => readPrefix(job.body, parts, context.prefixDigests, known[0]?.prefix)),
  }
  return {
    verdict: isOld(job, conversation, context) ? undefined : cacheVerdict(known, use),
    remember: () => caches.keep(conversation, cachedAfter(known, use)),
  }
}

/** What was cached before this process began, or was forgotten since, is not known: then nothing is said. */
function isOld({ startedAt }: Job, conversation: string, { bindings, caches }: ProxyContext): boolean {
  if (caches.of(conversation).length > 0) return false
  return (bindings.get(conversation)?.boundAt ?? startedAt) < startedAt
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
