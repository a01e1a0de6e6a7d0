/**
 * A key's rules as they come out of storage, where a newer version or a damaged file may have
 * left something else: what is not understood is left out. Must not look whether what they
 * name exists.
 */
import type { KeyRules, RunawayPolicy } from './access.ts'
import { isPayloadRule } from './payload.ts'
import { isRequestClass } from './rules.ts'

/**
 * Undefined where it cannot be known which pool the key is bound to: without its rules, such
 * a key would be let into all of them.
 */
export function readKeyRules(text: string | undefined): KeyRules | undefined {
  const stored = text === undefined ? {} : parsed(text)
  if (!isRecord(stored)) return undefined
  const { pool, class: ofClass, holdMs, runaway, models, payloads } = stored
  if (pool !== undefined && typeof pool !== 'string') return undefined
  return {
    ...(pool === undefined ? {} : { pool }),
    ...(isRequestClass(ofClass) ? { class: ofClass } : {}),
    ...(typeof holdMs === 'number' && holdMs >= 0 ? { holdMs } : {}),
    ...(isRunawayPolicy(runaway) ? { runaway } : {}),
    ...(isRecord(models) ? { models: Object.fromEntries(Object.entries(models).filter(isNamePair)) } : {}),
    ...(isPayloadRule(payloads) ? { payloads } : {}),
  }
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
