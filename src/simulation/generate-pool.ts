/**
 * Random pools: subscriptions of several sizes, keys that are paid by the token, accounts that
 * share an endpoint or an organization, with the troubles that accounts have. Everything from
 * one seed. Must not know the traffic.
 */
import { DAY, HOUR, later, MINUTE, type Millis, SECOND } from '../core/time.ts'
import type { Dice } from './dice.ts'
import type { TraceAccount, TraceFault, TraceWindow } from './trace.ts'

export interface Span {
  readonly startsAt: Millis
  readonly endsAt: Millis
}

export interface PoolWish extends Span {
  readonly accounts: number
  /** What the smallest plan has in five hours, in weighted tokens. */
  readonly size: number
  /** Faults an account has in a day, on average. */
  readonly faultsADay: number
  /** With everything that is seldom, and troubles that last for hours. */
  readonly isHarsh: boolean
}

const NAMES = ['anna', 'bert', 'cleo', 'dora', 'emil', 'fred', 'gina', 'hugo', 'iris', 'jens'] as const

const nameOf = (index: number): string => {
  const name = NAMES[index % NAMES.length] ?? 'anna'
  return index < NAMES.length ? name : `${name}-${Math.floor(index / NAMES.length) + 1}`
}

export function generatePool(dice: Dice, wish: PoolWish): readonly TraceAccount[] {
  const shared = wish.isHarsh && dice.isOneIn(3) ? 'https://shared.test' : undefined
  const outages = generateFaults(dice, { ...wish, faultsADay: wish.faultsADay / 4 }, ENDPOINT_KINDS)
  return Array.from({ length: wish.accounts }, (_, index) => {
    const isShared = shared !== undefined && !dice.isOneIn(4)
    const own = generateFaults(dice, wish, wish.isHarsh ? KINDS : ORDINARY_KINDS)
    return {
      ...generateAccount(dice, nameOf(index), wish),
      ...(isShared ? { origin: shared } : {}),
      faults: [...own, ...(isShared ? outages : [])].sort((a, b) => a.from - b.from),
    }
  })
}

function generateAccount(dice: Dice, name: string, wish: PoolWish): Omit<TraceAccount, 'faults'> {
  const tier = dice.weighted([
    [1, 3],
    [5, 3],
    [20, 1],
    [0, 2],
  ] as const)
  const isPaid = tier === 0
  return {
    name,
    priority: wish.isHarsh ? dice.whole(0, 2) : Number(isPaid),
    weight: dice.oneOf([1, 1, 1, 2, 5]),
    tier: Math.max(1, tier),
    groups: [isPaid ? 'keys' : 'plans'],
    windows: isPaid ? [] : generateWindows(dice, { ...wish, size: wish.size * tier }),
    isPaid,
    ...(wish.isHarsh ? oddities(dice, tier) : {}),
  }
}

function oddities(dice: Dice, tier: number): Partial<TraceAccount> {
  return {
    ...(dice.isOneIn(5) ? { maxConcurrent: dice.whole(1, 4) } : {}),
    ...(dice.isOneIn(4) ? { organization: dice.oneOf(['acme', 'umbrella']) } : {}),
    ...(tier === 1 && dice.isOneIn(3) ? { models: ['sonnet', 'haiku'] } : {}),
    ...(dice.isOneIn(10) ? { modelMap: dice.oneOf(MAPS) } : {}),
  }
}

const MAPS: readonly [Record<string, readonly string[]>, ...Record<string, readonly string[]>[]] = [
  { opus: ['claude-opus-4-8'] },
  { '*': ['claude-sonnet-4-6'] },
  { opus: ['claude-opus-5-5', 'claude-sonnet-5-5'], haiku: ['claude-haiku-4-5'] },
]

/** What a week holds, in windows of five hours. */
const FEWEST_A_WEEK = 5
const MOST_A_WEEK = 12

function generateWindows(dice: Dice, { size, startsAt }: PoolWish): readonly TraceWindow[] {
  const capacity = Math.round(size * dice.between(0.7, 1.4))
  const week = Math.round(capacity * dice.between(FEWEST_A_WEEK, MOST_A_WEEK))
  const gridFrom = later(startsAt, -dice.whole(0, 7 * DAY))
  const initial = { used: Math.round((week * dice.next()) / 2), endsAt: later(gridFrom, 7 * DAY) }
  const hours: TraceWindow = { name: '5h', lengthMs: 5 * HOUR, capacity }
  const days: TraceWindow = { name: '7d', lengthMs: 7 * DAY, capacity: week, gridFrom, initial }
  const opus: TraceWindow = {
    name: '7d_opus',
    lengthMs: 7 * DAY,
    capacity: Math.round(week * dice.between(0.2, 0.6)),
    family: 'opus',
    gridFrom,
  }
  return [hours, ...(dice.isOneIn(2) ? [days] : []), ...(dice.isOneIn(3) ? [opus] : [])]
}

type Kinds = readonly [readonly [TraceFault['kind'], number], ...(readonly [TraceFault['kind'], number])[]]

const ENDPOINT_KINDS: Kinds = [
  ['down', 1],
  ['server-error', 1],
  ['overloaded', 2],
]

const ORDINARY_KINDS: Kinds = [...ENDPOINT_KINDS, ['throttled', 6]]

const KINDS: Kinds = [
  ...ENDPOINT_KINDS,
  ['throttled', 5],
  ['unauthorized', 1],
  ['request-refused', 2],
  ['truncated', 1],
]

function generateFaults(dice: Dice, wish: PoolWish, kinds: Kinds): readonly TraceFault[] {
  const { startsAt, endsAt, faultsADay, isHarsh } = wish
  const longestMs = isHarsh ? 2 * HOUR : 5 * MINUTE
  const faults: TraceFault[] = []
  if (faultsADay <= 0) return faults
  for (let at = startsAt as number; ; ) {
    at += dice.exponential(DAY / faultsADay)
    if (at >= endsAt) return faults
    const kind = dice.weighted(kinds)
    const lengthMs =
      kind === 'throttled' ? dice.logBetween(SECOND, 2 * MINUTE) : dice.logBetween(5 * SECOND, longestMs)
    const from = later(startsAt, at - startsAt)
    faults.push({ kind, from, until: later(from, lengthMs) })
  }
}
