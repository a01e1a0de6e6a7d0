/**
 * Situations as the path meets them, for measuring what a decision costs: pools of many
 * sizes, well or with a tenth of the accounts at rest, with windows that are used up to
 * different degrees, for conversations that have an account and for new ones.
 */
import type { Cooldown } from '../../src/core/health.ts'
import { HEALTHY } from '../../src/core/health.ts'
import type { Window } from '../../src/core/limits.ts'
import type { AccountView, Situation } from '../../src/core/situation.ts'
import type { StrategyName } from '../../src/core/strategies.ts'
import { DAY, HOUR, later, type Millis, SECOND } from '../../src/core/time.ts'
import { createDice, type Dice } from '../../src/simulation/dice.ts'
import {
  NOON,
  sampleBinding,
  sampleCooldown,
  sampleSituation,
  sampleView,
  withWindows,
} from '../../test/support/samples.ts'

export interface Kind {
  readonly accounts: number
  readonly health: 'healthy' | 'tenth-cooling'
  readonly isBound: boolean
  readonly strategy: StrategyName
}

/** Several that differ, so that no decision can be remembered by the processor as one. */
const VARIANTS = 16

export function situationsOf({ accounts, health, isBound, strategy }: Kind): readonly Situation[] {
  const dice = createDice(`${accounts} ${health}`)
  const views = Array.from({ length: accounts }, (_, index) =>
    viewOf(index, dice, health === 'tenth-cooling' && index % 10 === 3),
  )
  return Array.from({ length: VARIANTS }, (_, variant) =>
    sampleSituation({
      accounts: views,
      strategy,
      request: { conversation: `c${variant}`, tokens: dice.whole(5_000, 120_000) },
      ...(isBound ? { binding: sampleBinding(`a${homeOf(dice, accounts)}`) } : {}),
      chance: dice.next(),
    }),
  )
}

/** An account that is not at rest. */
function homeOf(dice: Dice, accounts: number): number {
  const index = dice.whole(0, accounts - 1)
  return index % 10 === 3 ? index - 1 : index
}

function viewOf(index: number, dice: Dice, isCooling: boolean): AccountView {
  const inFlight = dice.weighted([
    [0, 2],
    [1, 1],
    [3, 1],
  ])
  return sampleView(`a${index}`, {
    account: { priority: 0, tier: dice.oneOf([1, 5, 20]), groups: ['plans'] },
    health: isCooling ? { ...HEALTHY, cooldowns: [cooldown] } : HEALTHY,
    inFlight,
    expectedTokens: inFlight * 40_000,
    begun: dice.whole(0, 5_000),
    lastTurn: dice.whole(0, 50_000),
    dueAt: dice.between(0, 100),
    meanMs: dice.between(2, 30) * SECOND,
    session: dice.isOneIn(2)
      ? { startedAt: later(NOON, -dice.between(0, 5) * HOUR), requests: 10 }
      : undefined,
    worth: new Map([
      ['5h', 8_000_000],
      ['7d', 60_000_000],
    ]),
    ...withWindows(windowsOf(dice, isCooling), { paces: new Map([['5h', dice.between(0, 0.3)]]) }),
  })
}

const cooldown: Cooldown = sampleCooldown()

const windowsOf = (dice: Dice, isSpent: boolean): readonly Window[] => [
  windowOf('5h', isSpent ? 1 : dice.next(), later(NOON, dice.between(0, 5) * HOUR)),
  windowOf('7d', dice.between(0, 0.9), later(NOON, dice.between(0, 7) * DAY)),
]

const windowOf = (name: string, used: number, resetsAt: Millis): Window => ({
  name,
  utilization: Math.floor(used * 100) / 100,
  resetsAt,
  status: used >= 1 ? 'rejected' : 'allowed',
  readAt: NOON,
})
