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
  /** The model asked for → the model that is asked for instead. */
  readonly models: Readonly<Record<string, string>>
  /** The same for every model of a family. */
  readonly families: Readonly<Record<string, string>>
  /** Whether further models were named, to be tried after the first. */
  readonly hasAlternatives: boolean
}

const FAMILIES: ReadonlySet<string> = new Set(['opus', 'sonnet', 'haiku', 'fable', 'mythos', 'custom'])

/** Later ones win, as they do there. */
export function readMappings(...layers: readonly (Fields | undefined)[]): Mappings {
  const rules = layers
    .flatMap((layer) => Object.entries(unwrapped(layer)))
    .map(([from, value]) => ({ from, names: toNames(value) }))
    .filter(({ from, names }) => from !== '' && names.length > 0)
  const merged = new Map(rules.map((rule) => [rule.from, rule]))
  const pick = (isFamily: boolean): Readonly<Record<string, string>> =>
    Object.fromEntries(
      [...merged.values()]
        .filter(({ from }) => FAMILIES.has(from) === isFamily)
        .map(({ from, names }) => [from, names[0] ?? '']),
    )
  return {
    models: pick(false),
    families: pick(true),
    hasAlternatives: [...merged.values()].some(({ names }) => names.length > 1),
  }
}

/** Some versions wrapped the rules once more. */
const unwrapped = (layer: Fields | undefined): Fields =>
  isFields(layer?.modelMappings) ? layer.modelMappings : (layer ?? {})

/** A model's name, or a list of which the first is used as long as it can be. */
const toNames = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : [value]).map(readText).filter((name) => name !== undefined)
