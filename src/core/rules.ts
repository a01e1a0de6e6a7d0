/**
 * What the operator says about routing beyond single accounts: pools as ordered groups, other
 * names for models, classes of work and what is kept back for them. Types and look-ups;
 * how rules are read and checked is rules-input.ts. Must not look at an account's state.
 */
import type { Account } from './account.ts'
import { familyOf, withoutContextMark } from './model.ts'
import type { StrategyName } from './strategies.ts'

/** Interactive work has somebody waiting for it; background work can wait. */
export type RequestClass = 'interactive' | 'background'

export const isRequestClass = (text: unknown): text is RequestClass =>
  text === 'interactive' || text === 'background'

/** One group of a pool. The accounts of an earlier tier go first. */
export interface Tier {
  /** Accounts in this group; "*" is every account. */
  readonly group: string
  /** No request goes there on a day (UTC) on which it has cost that much. */
  readonly usdPerDay: number | undefined
}

export interface PoolRule {
  readonly name: string
  readonly tiers: readonly Tier[]
  /** In the place of the strategy in force. */
  readonly strategy: StrategyName | undefined
}

/** A part of a window is kept for a class of work, until shortly before the window begins anew. */
export interface Reserve {
  readonly class: RequestClass
  /** "5h", "7d", … */
  readonly window: string
  /** A fraction of the window: 0.2 is 20 %. */
  readonly share: number
  /** Of accounts in this group only; undefined: of all. */
  readonly group: string | undefined
  /** So long before the window's end it is lent to everybody. */
  readonly lendMs: number
}

/** The model asked for, its family or "*" → the model wanted instead. */
export type ModelPreferences = ReadonlyMap<string, string>

export interface RoutingRules {
  readonly pools: ReadonlyMap<string, PoolRule>
  /** Names that the operator made up → models. */
  readonly aliases: ReadonlyMap<string, string>
  /** Kind of agent ("explore", "plan", …) → its preferences. */
  readonly agentModels: ReadonlyMap<string, ModelPreferences>
  readonly agentClasses: ReadonlyMap<string, RequestClass>
  readonly reserves: readonly Reserve[]
}

export const NO_RULES: RoutingRules = {
  pools: new Map(),
  aliases: new Map(),
  agentModels: new Map(),
  agentClasses: new Map(),
  reserves: [],
}

/**
 * The place of an account's group in a pool, 0 being the first; undefined when none of its
 * groups is in the pool, or their money for today is spent.
 */
export function tierOf(
  { groups }: Pick<Account, 'groups'>,
  { tiers }: PoolRule,
  spentUsd: (group: string) => number,
): number | undefined {
  for (const [place, { group, usdPerDay }] of tiers.entries()) {
    if (group !== EVERYBODY && !groups.includes(group)) continue
    if (usdPerDay === undefined || spentUsd(group) < usdPerDay) return place
  }
  return undefined
}

/** The pool of everybody who names none. */
export const DEFAULT_POOL = 'default'

/** A group's name that means every account. */
export const EVERYBODY = '*'

/** In preferences: whatever is asked for. */
export const ANY_MODEL = '*'

/** The model wanted where `model` is asked for: by its exact name, by its family, or whatever it is. */
export const preferenceFor = (preferences: ModelPreferences, model: string): string | undefined =>
  preferences.get(model) ??
  preferences.get(withoutContextMark(model)) ??
  preferences.get(familyOf(model)) ??
  preferences.get(ANY_MODEL)
