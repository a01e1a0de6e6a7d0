/** Random scenarios: a pool, its traffic and its operator’s configuration, all from one seed. */
import type { Reserve } from '../core/rules.ts'
import type { RetryPolicy } from '../core/situation.ts'
import { STRATEGIES } from '../core/strategies.ts'
import { DAY, HOUR, later, MINUTE, type Millis, SECOND } from '../core/time.ts'
import { createDice, type Dice } from './dice.ts'
import { generatePool } from './generate-pool.ts'
import { generateTraffic } from './generate-traffic.ts'
import type { Scenario } from './scenario.ts'
import type { Trace } from './trace.ts'

/** What a pool that a test throws its dice for is configured with, unless it says otherwise. */
export interface Rules {
  readonly policy: RetryPolicy
  readonly sessionMs: number
  readonly pollMs: number
}

/** A Monday, 00:00 UTC. */
const START = 1_794_787_200_000

/** Everything that can go wrong, does: for looking for what must not happen. */
export function generateScenario(seed: number, hours: number, rules: Rules): Scenario {
  const dice = createDice(seed)
  const startsAt = later(START as Millis, dice.whole(0, 6) * DAY + dice.whole(0, 23) * HOUR)
  const endsAt = later(startsAt, hours * HOUR)
  const span = { startsAt, endsAt }
  const accounts = generatePool(dice, {
    ...span,
    accounts: dice.weighted([
      [1, 1],
      [2, 3],
      [3, 3],
      [4, 2],
      [6, 1],
    ] as const),
    size: Math.round(dice.logBetween(100_000, 3_000_000)),
    faultsADay: dice.logBetween(0.5, 30),
    isHarsh: true,
  })
  const requests = generateTraffic(dice, {
    ...span,
    conversationsAnHour: dice.logBetween(0.3, 2.5),
    poisonousOneIn: 150,
    leavingOneIn: 80,
  })
  const trace: Trace = { name: `random ${seed}`, description: 'generated', ...span, accounts, requests }
  const { name: strategy } = dice.oneOf([...STRATEGIES] as [
    (typeof STRATEGIES)[number],
    ...typeof STRATEGIES,
  ])
  return { trace, strategy, seed, ...configured(dice, rules) }
}

function configured(dice: Dice, { policy, ...rules }: Rules): Omit<Scenario, 'trace' | 'strategy' | 'seed'> {
  const tiers = [
    { group: 'plans', usdPerDay: undefined },
    { group: 'keys', usdPerDay: dice.isOneIn(3) ? 5 : undefined },
  ]
  return {
    ...rules,
    policy: {
      ...policy,
      attemptsPerAccount: dice.whole(1, 4),
      queueMs: dice.oneOf([0, 5 * SECOND, policy.queueMs]),
      throttleWaitMs: dice.oneOf([0, policy.throttleWaitMs, MINUTE]),
      circuitFaults: dice.oneOf([0, policy.circuitFaults, policy.circuitFaults]),
    },
    ...(dice.isOneIn(4) ? { pool: { name: 'default', tiers, strategy: undefined } } : {}),
    reserves: dice.isOneIn(5) ? [RESERVE] : [],
  }
}

const RESERVE: Reserve = {
  class: 'interactive',
  window: '5h',
  share: 0.2,
  group: undefined,
  lendMs: 30 * MINUTE,
}

export interface PoolSketch {
  readonly hours: number
  readonly accounts: number
  readonly seed: number
}

/** So that by day the windows are about as large as what is asked of them. */
const CONVERSATIONS_FOR_SIZE = 0.3
/** What an account that is paid by the token is worth, beside plans. */
const PAID_SIZE = 2

/** What an operator could have: plans and keys, ordinary trouble, a team at work. */
export function generateTrace({ hours, accounts, seed }: PoolSketch): Trace {
  const dice = createDice(seed)
  const startsAt = later(START as Millis, 6 * HOUR)
  const span = { startsAt, endsAt: later(startsAt, hours * HOUR) }
  const pool = generatePool(dice, { ...span, accounts, size: 500_000, faultsADay: 2, isHarsh: false })
  const size = pool.reduce((sum, { tier, isPaid }) => sum + (isPaid ? PAID_SIZE : tier), 0)
  return {
    name: `synthetic ${seed}`,
    description: `${accounts} accounts, ${hours} hours`,
    ...span,
    accounts: pool,
    requests: generateTraffic(dice, {
      ...span,
      conversationsAnHour: size * CONVERSATIONS_FOR_SIZE,
      poisonousOneIn: 0,
      leavingOneIn: 0,
    }),
  }
}
