/**
 * A key's rules as they come out of storage, where a newer version or a damaged file may have
 * left something else: what is not understood is left out. Must not look whether what they
 * name exists.
 */
import type { KeyRules, RunawayPolicy } from './access.ts'
import { isEndpointName, readBudget } from './key-limits.ts'
import { isPayloadRule } from './payload.ts'
import { isRequestClass } from './rules.ts'
import { isStrategy } from './strategies.ts'
import { type Millis, toMillis } from './time.ts'

/**
 * Undefined where something that keeps the key within bounds cannot be read: which pool it
 * belongs to, what it may call, how much it may use. Without it, such a key would be let into
 * everything.
 */
export function readKeyRules(text: string | undefined): KeyRules | undefined {
  const stored = text === undefined ? {} : parsed(text)
  if (!isRecord(stored)) return undefined
  const { class: ofClass, holdMs, runaway, models, payloads, strategy } = stored
  const bounds = readBounds(stored)
  if (bounds === undefined) return undefined
  return {
    ...bounds,
    ...(isRequestClass(ofClass) ? { class: ofClass } : {}),
    ...(typeof holdMs === 'number' && holdMs >= 0 ? { holdMs } : {}),
    ...(isRunawayPolicy(runaway) ? { runaway } : {}),
    ...(isRecord(models) ? { models: Object.fromEntries(Object.entries(models).filter(isNamePair)) } : {}),
    ...(isPayloadRule(payloads) ? { payloads } : {}),
    ...(typeof strategy === 'string' && isStrategy(strategy) ? { strategy } : {}),
  }
}

type Reader<T> = (value: unknown) => T | undefined
type Bounds = Omit<KeyRules, 'class' | 'holdMs' | 'runaway' | 'models' | 'payloads' | 'strategy'>

const isText = (value: unknown): value is string => typeof value === 'string'
const listOf =
  <T>(read: Reader<T>): Reader<readonly T[]> =>
  (value) => {
    if (!Array.isArray(value) || value.length === 0) return undefined
    const items = value.map(read)
    const known = items.filter((item) => item !== undefined)
    return known.length === items.length ? known : undefined
  }
const readText: Reader<string> = (value) => (isText(value) ? value : undefined)
const readCount: Reader<number> = (value) =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined
const readMoment: Reader<Millis> = (value) =>
  typeof value === 'number' && Number.isFinite(value) ? toMillis(value) : undefined

const READERS: { readonly [Name in keyof Bounds]-?: Reader<NonNullable<Bounds[Name]>> } = {
  pool: readText,
  requestsPerMinute: readCount,
  tokensPerMinute: readCount,
  maxConcurrent: readCount,
  budgets: listOf(readBudget),
  allowedModels: listOf(readText),
  groups: listOf(readText),
  endpoints: listOf((value) => (isEndpointName(value) ? value : undefined)),
  expiresAt: readMoment,
}

/** Undefined where one of them is there and says nothing that is understood. */
function readBounds(stored: Readonly<Record<string, unknown>>): Bounds | undefined {
  const said = Object.entries(READERS).filter(([name]) => stored[name] !== undefined)
  const read = said.map(([name, reader]) => [name, reader(stored[name])] as const)
  return read.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(read)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isRunawayPolicy = (value: unknown): value is RunawayPolicy =>
  value === 'off' || value === 'warn' || value === 'refuse'

const isNamePair = (pair: [string, unknown]): pair is [string, string] => typeof pair[1] === 'string'
