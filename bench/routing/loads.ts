/**
 * A trace under another load: the same requests, and windows that hold more or less. Says how
 * a strategy fares between an idle pool and one that is asked for twice what it has.
 */
import type { StrategyName } from '../../src/core/strategies.ts'
import type { Trace } from '../../src/simulation/trace.ts'
import { measure, workOf } from './measure.ts'
import { optimumOf } from './optimum.ts'

const LOADS = [0.6, 0.8, 0.9, 1, 1.2, 1.5, 2] as const
export const LOADED_STRATEGIES: readonly StrategyName[] = ['affinity', 'session', 'round-robin']

export interface LoadPoint {
  readonly load: number
  /** Of the demand, what the optimum serves. */
  readonly possible: number
  readonly results: readonly LoadResult[]
}

interface LoadResult {
  readonly strategy: StrategyName
  /** Of the optimum's work. */
  readonly work: number
  /** Of what had to be spent. */
  readonly extra: number
}

/** `load` is that of the trace as it is. */
export async function measureLoads(trace: Trace, load: number): Promise<readonly LoadPoint[]> {
  const points: LoadPoint[] = []
  for (const wanted of LOADS) points.push(await measureAt(scaled(trace, load / wanted), wanted))
  return points
}

async function measureAt(trace: Trace, load: number): Promise<LoadPoint> {
  const optimum = await optimumOf(trace)
  const demand = trace.requests.reduce((sum, request) => sum + workOf(request), 0)
  const results: LoadResult[] = []
  for (const strategy of LOADED_STRATEGIES) {
    const { work, spent, extra } = await measure(trace, strategy)
    results.push({ strategy, work: work / optimum.work, extra: extra / (spent - extra) })
  }
  return { load, possible: optimum.work / demand, results }
}

/** Every window, and what is used of it when the trace begins. */
function scaled(trace: Trace, factor: number): Trace {
  const accounts = trace.accounts.map((account) => ({
    ...account,
    windows: account.windows.map(({ initial, ...window }) => ({
      ...window,
      capacity: Math.round(window.capacity * factor),
      ...(initial === undefined ? {} : { initial: { ...initial, used: Math.round(initial.used * factor) } }),
    })),
  }))
  return { ...trace, accounts }
}
