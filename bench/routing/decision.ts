/**
 * What one decision costs: `nextStep` on realistic situations, in nanoseconds. Warmed up until
 * the compiler has done its work; the median of rounds counts.
 */
import { nextStep } from '../../src/core/route.ts'
import type { Situation } from '../../src/core/situation.ts'
import { STRATEGIES } from '../../src/core/strategies.ts'
import { type Spread, toSpread } from '../statistics.ts'
import { type Kind, situationsOf } from './situations.ts'

export interface DecisionCost extends Kind {
  readonly ns: Spread
}

export interface Effort {
  readonly rounds: number
  readonly roundMs: number
  readonly warmUpMs: number
}

export const POOL_SIZES = [10, 100, 1_000] as const

export function measureDecisions(effort: Effort, say: (sentence: string) => void): readonly DecisionCost[] {
  const kinds = allKinds()
  // All of them first: a function that has met one strategy only is compiled for that one.
  for (const kind of kinds) repeat(situationsOf(kind), effort.warmUpMs)
  return kinds.flatMap((kind, index) => {
    if (index % STRATEGIES.length === 0)
      say(`decisions among ${kind.accounts} accounts, ${kind.health}, ${kind.isBound ? 'bound' : 'unbound'}`)
    const situations = situationsOf(kind)
    repeat(situations, effort.warmUpMs)
    const rounds = Array.from({ length: effort.rounds }, () => repeat(situations, effort.roundMs))
    const ns = toSpread(rounds)
    return ns === undefined ? [] : [{ ...kind, ns }]
  })
}

const allKinds = (): readonly Kind[] =>
  POOL_SIZES.flatMap((accounts) =>
    (['healthy', 'tenth-cooling'] as const).flatMap((health) =>
      [false, true].flatMap((isBound) =>
        STRATEGIES.map(({ name: strategy }) => ({ accounts, health, isBound, strategy })),
      ),
    ),
  )

let seen = 0

/** Nanoseconds a decision, over at least that time. */
function repeat(situations: readonly Situation[], leastMs: number): number {
  const startedAt = Bun.nanoseconds()
  const until = startedAt + leastMs * 1e6
  let count = 0
  let now = startedAt
  do {
    for (const situation of situations) {
      const step = nextStep(situation)
      // What is not used might not be worked out.
      if (step.kind === 'send') seen += step.reason.length
    }
    count += situations.length
    now = Bun.nanoseconds()
  } while (now < until)
  if (seen < 0) throw new Error('No decision was made.')
  return (now - startedAt) / count
}
