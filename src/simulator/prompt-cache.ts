/**
 * Prompt caches as the simulated provider keeps them where it is asked to: for each key and
 * model the prefixes up to breakpoints, with their lives (`wire.md` §1.3). What has no
 * breakpoint is not cached. No clock of its own.
 */
import { pathOf, simulatedMessage } from './healthy.ts'
import { message, type Reply, stream } from './replies.ts'
import type { Received } from './simulator.ts'

const BYTES_A_TOKEN = 4
const SHORT_LIFE_MS = 300_000
const LONG_LIFE_MS = 3_600_000

interface Block {
  readonly cache_control?: { readonly ttl?: string } | null
}

interface Prompt {
  readonly model: string
  readonly stream?: boolean
  readonly tools?: readonly Block[]
  readonly system?: string | readonly Block[]
  readonly messages?: readonly { readonly role: string; readonly content: string | readonly Block[] }[]
}

interface Entry {
  readonly tokens: number
  readonly lifeMs: number
  until: number
}

/** Answers messages with the usage that follows from what was cached; undefined for the rest. */
export function createPromptCache(now: () => number): (request: Received) => Reply | undefined {
  const caches = new Map<string, Map<string, Entry>>()
  return (request) => {
    if (request.method !== 'POST' || pathOf(request) !== '/v1/messages') return undefined
    const prompt: Prompt = JSON.parse(request.body.toString())
    const prefixes = prefixesOf(prompt)
    const name = `${request.key} ${prompt.model}`
    const cache = caches.get(name) ?? new Map<string, Entry>()
    caches.set(name, cache)
    const simulated = simulatedMessage(prompt.model, request)
    const answer = { ...simulated, usage: { ...usageOf(prefixes, cache, now()), outputTokens: 12 } }
    return prompt.stream === true ? stream(answer) : message(answer)
  }
}

interface Prefix {
  readonly digest: string
  readonly tokens: number
  /** Undefined: no breakpoint stands there. */
  readonly lifeMs: number | undefined
}

/** After each block, in the provider's order: tools, system, messages. */
function prefixesOf({ tools = [], system = [], messages = [] }: Prompt): readonly Prefix[] {
  const blocks = [
    ...tools,
    ...toBlocks(system),
    ...messages.flatMap(({ role, content }) => toBlocks(content).map((block) => ({ role, ...block }))),
  ]
  const hasher = new Bun.CryptoHasher('sha256')
  let bytes = 0
  return blocks.map(({ cache_control: mark, ...block }: Block) => {
    const text = JSON.stringify(block)
    bytes += text.length
    hasher.update(text)
    const lifeMs = mark?.ttl === '1h' ? LONG_LIFE_MS : SHORT_LIFE_MS
    return {
      digest: hasher.copy().digest('hex'),
      tokens: Math.ceil(bytes / BYTES_A_TOKEN),
      lifeMs: mark === undefined || mark === null ? undefined : lifeMs,
    }
  })
}

const toBlocks = (content: string | readonly Block[]): readonly Block[] =>
  typeof content === 'string' ? [{ type: 'text', text: content } as Block] : content

function usageOf(prefixes: readonly Prefix[], cache: Map<string, Entry>, at: number) {
  const isCached = prefixes.some(({ lifeMs }) => lifeMs !== undefined)
  const found = !isCached
    ? undefined
    : prefixes.findLast(({ digest }) => (cache.get(digest)?.until ?? 0) > at)
  const read = found?.tokens ?? 0
  let written = read
  const writes = { cacheWrite5mTokens: 0, cacheWrite1hTokens: 0 }
  for (const { digest, tokens, lifeMs } of prefixes) {
    const entry = cache.get(digest)
    if (entry !== undefined && tokens <= read) entry.until = at + entry.lifeMs
    if (lifeMs === undefined || tokens <= read) continue
    cache.set(digest, { tokens, lifeMs, until: at + lifeMs })
    writes[lifeMs === LONG_LIFE_MS ? 'cacheWrite1hTokens' : 'cacheWrite5mTokens'] += tokens - written
    written = tokens
  }
  return { inputTokens: (prefixes.at(-1)?.tokens ?? 0) - written + 1, cacheReadTokens: read, ...writes }
}
