/**
 * The shape of a setting's value as a part of a JSON Schema, for editors and for the
 * reference. Says what is written; whether a value holds is decided by its reader alone.
 */
import { PERSON_ROLES } from '../core/user.ts'

export interface Shape {
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object'
  readonly minimum?: number
  readonly maximum?: number
  readonly enum?: readonly string[]
  readonly items?: Shape
  readonly properties?: Readonly<Record<string, Shape>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Shape | false
  readonly anyOf?: readonly Shape[]
}

const TEXT: Shape = { type: 'string' }

export const TEXTS: Shape = { type: 'array', items: TEXT }

/** "from 1 to 10", "at least 0", "one of a, b"; undefined where any value of the type will do. */
export function rangeOf({ minimum, maximum, enum: words }: Shape): string | undefined {
  if (words !== undefined) return `one of ${words.join(', ')}`
  if (minimum === undefined) return undefined
  return maximum === undefined ? `at least ${minimum}` : `from ${minimum} to ${maximum}`
}

/* the routing rules, as core/rules-input.ts reads them */

const objectOf = (properties: Readonly<Record<string, Shape>>, ...required: readonly string[]): Shape => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})
const mapOf = (value: Shape): Shape => ({ type: 'object', additionalProperties: value })

/** As core/oidc-roles.ts reads it. */
export const ROLES_SHAPE = mapOf({ enum: PERSON_ROLES })

const WORK_CLASS: Shape = { enum: ['interactive', 'background'] }
const TIER: Shape = {
  anyOf: [TEXT, objectOf({ group: TEXT, usdPerDay: { type: 'number', minimum: 0 } }, 'group')],
}
const TIERS: Shape = { type: 'array', items: TIER }

export const poolsShape = (strategies: readonly string[]): Shape =>
  mapOf({ anyOf: [TIERS, objectOf({ tiers: TIERS, strategy: { enum: strategies } }, 'tiers')] })

export const ALIASES_SHAPE: Shape = mapOf(TEXT)
export const AGENTS_SHAPE: Shape = mapOf(objectOf({ class: WORK_CLASS, models: mapOf(TEXT) }))
export const RESERVES_SHAPE: Shape = {
  type: 'array',
  items: objectOf(
    {
      class: WORK_CLASS,
      window: TEXT,
      percent: { type: 'number', minimum: 0, maximum: 100 },
      group: TEXT,
      lend: TEXT,
    },
    'class',
    'window',
    'percent',
  ),
}
