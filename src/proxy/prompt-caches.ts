/**
 * What conversations have in their providers' caches, in memory: enough to say why the next
 * request did not find it. Bounded by conversations and by hashes; the longest unused go
 * first (G10). Decides nothing.
 */
import type { CachedPrompt } from '../core/cache-miss.ts'

export interface PromptCaches {
  /** Newest first. */
  of(conversation: string): readonly CachedPrompt[]
  keep(conversation: string, prompts: readonly CachedPrompt[]): void
  /** How many hashes of messages are kept: what its memory goes by. */
  readonly hashes: number
}

const MOST_CONVERSATIONS = 10_000
/** Four bytes each. */
const MOST_HASHES = 4_000_000
const NOTHING: readonly CachedPrompt[] = []

export function createPromptCaches(most = MOST_CONVERSATIONS, mostHashes = MOST_HASHES): PromptCaches {
  // Insertion order is the order of use.
  const known = new Map<string, readonly CachedPrompt[]>()
  let hashes = 0
  const forget = (conversation: string): void => {
    hashes -= sizeOf(known.get(conversation) ?? NOTHING)
    known.delete(conversation)
  }
  return {
    of: (conversation) => known.get(conversation) ?? NOTHING,
    keep(slice, prompts) {
      // A copy: the key may be a slice that keeps a whole request's head in memory.
      const conversation = Buffer.from(slice).toString()
      forget(conversation)
      known.set(conversation, prompts)
      hashes += sizeOf(prompts)
      for (const [oldest] of known) {
        if (known.size <= most && (hashes <= mostHashes || known.size === 1)) break
        forget(oldest)
      }
    },
    get hashes() {
      return hashes
    },
  }
}

const sizeOf = (prompts: readonly CachedPrompt[]): number =>
  prompts.reduce((sum, { prefix }) => sum + prefix.messages.length, 0)
