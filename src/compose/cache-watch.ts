/** What of the proxy's context watches prompt caches and tells agents apart. */
import { fingerprint, shortHash } from '../platform/digest.ts'
import { createAgents, type DefinedAgent } from '../proxy/agents.ts'
import type { ProxyContext } from '../proxy/context.ts'
import { createPromptCaches } from '../proxy/prompt-caches.ts'

export const createCacheWatch = (
  definitions: () => readonly DefinedAgent[],
): Pick<ProxyContext, 'caches' | 'agents' | 'prefixDigests'> => ({
  caches: createPromptCaches(),
  agents: createAgents(definitions),
  prefixDigests: { hash: shortHash, digest: fingerprint },
})
