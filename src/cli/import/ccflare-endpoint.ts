/**
 * What better-ccflare keeps in an account's two texts `custom_endpoint` and `model_mappings`:
 * an address or JSON in the one, JSON of two shapes in the other. A text that cannot be
 * understood is reported, never guessed at: a key must not go to a place nobody named.
 */
import { type Fields, isFields, readJson, readText } from './fields.ts'

export interface Endpoint {
  readonly baseUrl?: string
  /** Rules in the way of the earliest versions. */
  readonly mappings?: Fields
  readonly isUnusable?: boolean
}

export function readEndpoint(value: unknown): Endpoint {
  const text = readText(value)
  if (text === undefined) return {}
  if (!text.startsWith('{')) return toEndpoint(text)
  const json = readJson(text)
  if (json === undefined) return { isUnusable: true }
  const address = readText(json.endpoint)
  const mappings = isFields(json.modelMappings) ? { mappings: json.modelMappings } : {}
  return { ...mappings, ...(address === undefined ? {} : toEndpoint(address)) }
}

/** Spillway's base URLs end before the version and the path that clients append (`wire.md` §4). */
function toEndpoint(text: string): Endpoint {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '') return { isUnusable: true }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return { isUnusable: true }
  const path = url.pathname.replace(/\/+$/, '').replace(/(?:\/v1)?\/(?:messages|chat\/completions)$/, '')
  return { baseUrl: `${url.origin}${path.replace(/\/v1$/, '')}` }
}

export interface Mappings {
  /** The model asked for, or its family → the models that are asked for instead, best first. */
  readonly models: Readonly<Record<string, readonly string[]>>
  /** Where whatever is of no known family goes there, and Spillway has no rule that says the same. */
  readonly custom: readonly string[]
}

const CUSTOM = 'custom'
/** The families that it knows. Where each has a rule, what is left for Spillway's "*" is what it calls custom. */
const ITS_FAMILIES = ['opus', 'sonnet', 'haiku'] as const
const REST = '*'

/** Later ones win, as they do there. */
export function readMappings(...layers: readonly (Fields | undefined)[]): Mappings {
  const rules = layers
    .flatMap((layer) => Object.entries(unwrapped(layer)))
    .map(([from, value]) => [from, toNames(value)] as const)
    .filter(([from, names]) => from !== '' && names.length > 0)
  const merged = new Map(rules)
  const custom = merged.get(CUSTOM) ?? []
  merged.delete(CUSTOM)
  if (custom.length === 0 || merged.has(REST) || !ITS_FAMILIES.every((family) => merged.has(family)))
    return { models: Object.fromEntries(merged), custom }
  return { models: Object.fromEntries([...merged, [REST, custom]]), custom: [] }
}

/** Some versions wrapped the rules once more. */
const unwrapped = (layer: Fields | undefined): Fields =>
  isFields(layer?.modelMappings) ? layer.modelMappings : (layer ?? {})

/** A model's name, or a list of them, best first. */
const toNames = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : [value]).map(readText).filter((name) => name !== undefined)
