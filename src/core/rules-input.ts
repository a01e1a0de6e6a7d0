/**
 * Reads the operator's routing rules out of what was configured: every error names the place
 * in the setting, what stands there, and what could. Must not look at accounts: whether
 * anybody is in a group is rules-check.ts.
 */
import {
  EVERYBODY,
  isRequestClass,
  type ModelPreferences,
  type PoolRule,
  type RequestClass,
  type Reserve,
  type Tier,
} from './rules.ts'
import { nearest } from './similar.ts'
import { isStrategy, STRATEGIES, type StrategyName } from './strategies.ts'
import { MINUTE, readLength } from './time.ts'

/** Something in a setting is wrong; `path` is the place within it, the message a clause that ends "The setting … …". */
export class RuleError extends Error {
  readonly path: string
  constructor(path: string, message: string) {
    super(
      path === '' && message.startsWith('must ') ? message : `has at ${path === '' ? '""' : path} ${message}`,
    )
    this.name = 'RuleError'
    this.path = path
  }
}

const POOL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** {"work": ["subscriptions", {"group": "api", "usdPerDay": 20}]} or {"work": {"tiers": […], "strategy": "…"}}. */
export function readPools(input: unknown): ReadonlyMap<string, PoolRule> {
  return new Map(entriesOf(input, '').map(([name, value]) => [name, toPool(name, value)]))
}

function toPool(name: string, value: unknown): PoolRule {
  if (!POOL_NAME.test(name))
    throw new RuleError(name, 'a pool’s name with other signs than letters, digits, ".", "_" and "-"')
  const fields = Array.isArray(value) ? { tiers: value } : fieldsOf(value, name, ['tiers', 'strategy'])
  const { tiers, strategy } = fields
  if (!Array.isArray(tiers) || tiers.length === 0)
    throw new RuleError(
      `${name}.tiers`,
      'no list of groups; write ["subscriptions", "keys"], the first going first',
    )
  return {
    name,
    tiers: tiers.map((tier, index) => toTier(tier, `${name}.tiers[${index}]`)),
    strategy: strategy === undefined ? undefined : readStrategy(strategy, `${name}.strategy`),
  }
}

function toTier(value: unknown, path: string): Tier {
  if (typeof value === 'string') return { group: readGroup(value, path), usdPerDay: undefined }
  const { group, usdPerDay } = fieldsOf(value, path, ['group', 'usdPerDay'])
  if (usdPerDay !== undefined && !isNumber(usdPerDay, 0, Number.MAX_VALUE))
    throw new RuleError(`${path}.usdPerDay`, `${shown(usdPerDay)}, which must be a number of USD`)
  return { group: readGroup(group, `${path}.group`), usdPerDay }
}

function readGroup(value: unknown, path: string): string {
  if (typeof value === 'string' && (value === EVERYBODY || POOL_NAME.test(value))) return value
  throw new RuleError(path, `${shown(value)}, which must be the name of a group, or "*" for every account`)
}

function readStrategy(value: unknown, path: string): StrategyName {
  if (typeof value === 'string' && isStrategy(value)) return value
  const names = STRATEGIES.map(({ name }) => name)
  throw new RuleError(
    path,
    `${shown(value)}, which must be one of ${names.join(', ')}${didYouMean(value, names)}`,
  )
}

/** {"fast": "claude-haiku-5-5"}. An alias of an alias would be a riddle: its end is asked for instead. */
export function readAliases(input: unknown): ReadonlyMap<string, string> {
  const aliases = new Map(entriesOf(input, '').map(([name, value]) => [name, readModel(value, name)]))
  for (const [name, model] of aliases) {
    const end = aliases.get(model)
    if (end !== undefined)
      throw new RuleError(name, `"${model}", which is an alias itself; name the model: "${end}"`)
  }
  return aliases
}

export interface AgentRules {
  readonly models: ReadonlyMap<string, ModelPreferences>
  readonly classes: ReadonlyMap<string, RequestClass>
}

/** {"explore": {"class": "background", "models": {"opus": "claude-haiku-5-5"}}}. */
export function readAgents(input: unknown): AgentRules {
  const models = new Map<string, ModelPreferences>()
  const classes = new Map<string, RequestClass>()
  for (const [agent, value] of entriesOf(input, '')) {
    const { class: ofClass, models: preferences } = fieldsOf(value, agent, ['class', 'models'])
    if (ofClass !== undefined) classes.set(agent, readClass(ofClass, `${agent}.class`))
    if (preferences !== undefined) models.set(agent, readPreferences(preferences, `${agent}.models`))
  }
  return { models, classes }
}

const readPreferences = (value: unknown, path: string): ModelPreferences =>
  new Map(entriesOf(value, path).map(([from, to]) => [from, readModel(to, `${path}.${from}`)]))

function readClass(value: unknown, path: string): RequestClass {
  if (isRequestClass(value)) return value
  throw new RuleError(path, `${shown(value)}, which must be interactive or background`)
}

function readModel(value: unknown, path: string): string {
  if (typeof value === 'string' && value.trim() !== '') return value
  throw new RuleError(path, `${shown(value)}, which must be the name of a model`)
}

const LEND_MS = 30 * MINUTE
const WINDOW_NAME = /^\d+[hd](?:_[a-z0-9]+)?$/

/** [{"class": "interactive", "window": "5h", "percent": 20, "group"?: "…", "lend"?: "30m"}]. */
export function readReserves(input: unknown): readonly Reserve[] {
  if (!Array.isArray(input))
    throw new RuleError(
      '',
      'must be a list, such as [{"class": "interactive", "window": "5h", "percent": 20}]',
    )
  const reserves = input.map((value, index) => toReserve(value, `[${index}]`))
  for (const [index, { window, group }] of reserves.entries()) {
    const same = reserves.filter((other) => other.window === window && other.group === group)
    const share = same.reduce((sum, each) => sum + each.share, 0)
    if (share > 1)
      throw new RuleError(
        `[${index}].percent`,
        `reserves of the window ${window} that come to ${Math.round(share * 100)} % together; 100 % is all there is`,
      )
  }
  return reserves
}

function toReserve(value: unknown, path: string): Reserve {
  const fields = fieldsOf(value, path, ['class', 'window', 'percent', 'group', 'lend'])
  const { window, percent, group, lend } = fields
  if (typeof window !== 'string' || !WINDOW_NAME.test(window))
    throw new RuleError(`${path}.window`, `${shown(window)}, which must be a window such as "5h" or "7d"`)
  if (!isNumber(percent, 0, 100))
    throw new RuleError(`${path}.percent`, `${shown(percent)}, which must be a number from 0 to 100`)
  const lendMs = lend === undefined ? LEND_MS : readLength(String(lend))
  if (lendMs === undefined)
    throw new RuleError(`${path}.lend`, `${shown(lend)}, which must be a length such as "30m"`)
  return {
    class: readClass(fields.class, `${path}.class`),
    window,
    share: percent / 100,
    group: group === undefined ? undefined : readGroup(group, `${path}.group`),
    lendMs,
  }
}

const isNumber = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && value >= least && value <= most

function entriesOf(input: unknown, path: string): readonly (readonly [string, unknown])[] {
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return Object.entries(input)
  throw new RuleError(path, path === '' ? 'must be an object' : `${shown(input)}, which must be an object`)
}

function fieldsOf<const Name extends string>(
  input: unknown,
  path: string,
  names: readonly Name[],
): { readonly [Each in Name]?: unknown } {
  for (const [name] of entriesOf(input, path)) {
    if (names.some((each) => each === name)) continue
    throw new RuleError(
      `${path}.${name}`,
      `a field that means nothing there; there are ${names.join(', ')}${didYouMean(name, names)}`,
    )
  }
  return input as { readonly [Each in Name]?: unknown }
}

const didYouMean = (value: unknown, names: readonly string[]): string => {
  const near = typeof value === 'string' ? nearest(value, names) : undefined
  return near === undefined ? '' : ` (did you mean "${near}"?)`
}

const shown = (value: unknown): string =>
  value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60)
