/**
 * One strategy on one trace: the real routing in the simulation, and what it did with the
 * windows. Work is weighed as if caches were perfect, so that nobody gains by writing twice.
 */
import { toSimulatedRules } from '../../src/compose/simulated-rules.ts'
import type { StrategyName } from '../../src/core/strategies.ts'
import type { Watcher } from '../../src/simulation/journey.ts'
import type { Scenario } from '../../src/simulation/scenario.ts'
import { simulate } from '../../src/simulation/simulate.ts'
import { costTokens, type Trace, type TraceRequest } from '../../src/simulation/trace.ts'

export interface Score {
  /** What the served requests weigh with perfect caching. */
  readonly work: number
  readonly requests: number
  /** What was taken out of windows. */
  readonly spent: number
  /** The part of it that went into caches again although one was warm somewhere. */
  readonly extra: number
  readonly switches: number
  readonly refused: number
}

export const workOf = (request: TraceRequest): number => costTokens(request, request.cachedTokens)

export async function measure(trace: Trace, strategy: StrategyName): Promise<Score> {
  const { score, watcher } = createScale()
  const { tally } = await simulate(scenarioOf(trace, strategy), { watchers: [watcher] })
  return { ...score, switches: tally.switches, refused: tally.refused }
}

/** As it is without any configuration. */
const scenarioOf = (trace: Trace, strategy: StrategyName): Scenario => ({
  trace,
  strategy,
  ...toSimulatedRules(new Map()),
  seed: 1,
})

interface Cached {
  readonly tokens: number
  readonly until: number
}

function createScale(): {
  readonly score: { work: number; requests: number; spent: number; extra: number }
  readonly watcher: Watcher
} {
  const score = { work: 0, requests: 0, spent: 0, extra: 0 }
  const caches = new Map<string, Cached>()
  const watcher: Watcher = {
    answered({ request }, { sentAt, usage, isTruncated }) {
      const { conversation, cachedTokens, promptTokens, cacheLifeMs } = request
      const cache = caches.get(conversation)
      const isWarm = cache !== undefined && sentAt < cache.until
      const readable = isWarm ? Math.min(cachedTokens, cache.tokens) : 0
      const read = usage.cacheReadTokens
      score.spent += costTokens(request, read)
      score.extra += costTokens(request, read) - costTokens(request, Math.max(read, readable))
      caches.set(conversation, { tokens: promptTokens, until: sentAt + cacheLifeMs })
      if (isTruncated) return
      score.requests++
      score.work += workOf(request)
    },
  }
  return { score, watcher }
}
