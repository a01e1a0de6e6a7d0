/**
 * What people say of an account's models: brought into the shape that is stored, refused
 * where it contradicts itself, remarked on where it looks like a slip of the pen. Must not
 * refuse a name because nobody here has heard of it: providers' lists are examples.
 */
import type { Account } from '../../core/account.ts'
import { FAMILIES, familyOf, isFamily } from '../../core/model.ts'
import { isListed } from '../../core/served.ts'
import { nearest } from '../../core/similar.ts'
import type { ProviderInfo } from '../services.ts'
import { badField } from './bad-field.ts'

type ModelMap = Account['modelMap']

/** One name or several, best first; the same twice is one, and a family is one in any spelling. */
export const toModelMap = (map: Readonly<Record<string, string | readonly string[]>>): ModelMap =>
  new Map(Object.entries(map).map(([from, to]) => [toName(from), [...new Set([to].flat())]]))

export const toModels = (models: readonly string[] | null | undefined): Account['models'] =>
  models === null || models === undefined ? undefined : [...new Set(models.map(toName))]

function toName(name: string): string {
  const lower = name.toLowerCase()
  return isFamily(lower) ? lower : name
}

interface Said {
  readonly modelMap?: unknown
  readonly models?: unknown
}

/**
 * Whether map and list fit each other. Of the two, what was said just now is named; what stood
 * before and was not touched is nobody's fault now. Throws GatewayError `bad-request`.
 */
export function assertModels({ modelMap, models }: Pick<Account, 'modelMap' | 'models'>, said: Said): void {
  const isMapSaid = said.modelMap !== undefined
  if (!isMapSaid && (said.models === undefined || said.models === null)) return
  for (const [from, targets] of modelMap) {
    if (isMapSaid) assertRule(from, targets)
    const missing = models === undefined ? undefined : targets.find((target) => !isListed(models, target))
    if (models === undefined || missing === undefined) continue
    if (isMapSaid) throw badField(`modelMap.${from}`, missingTarget(from, missing, models))
    throw badField('models', missingEntry(from, missing))
  }
}

function assertRule(from: string, targets: readonly string[]): void {
  if (PATTERN.test(from)) {
    const family = familyOf(from)
    const hint = isFamily(family) ? `Did you mean "${family}"?` : 'Name the model itself.'
    throw badField(
      `modelMap.${from}`,
      `A map goes from a model, from a family (${FAMILIES.join(', ')}) or from "*" for whatever is left, not from "${from}". ${hint}`,
    )
  }
  const pattern = targets.find((target) => PATTERN.test(target))
  if (pattern !== undefined)
    throw badField(
      `modelMap.${from}`,
      `A map leads to models by their names, and "${pattern}" is none. Name one, or several, best first.`,
    )
}

const ANY = '*'
/** The beginning of a name with a star; other stars may be part of somebody's names. */
const PATTERN = /^[a-z][\w./-]{2,}\*$/i

function missingTarget(from: string, target: string, models: readonly string[]): string {
  const near = nearest(target, models)
  const hint =
    near === undefined ? `Add "${target}" to the list, or take the list back.` : `Did you mean "${near}"?`
  return `The map asks for "${target}" instead of ${wordsFor(from)}, and the account’s list of models (${models.join(', ')}) does not have that. ${hint}`
}

const missingEntry = (from: string, target: string): string =>
  `The account’s map asks for "${target}" instead of ${wordsFor(from)}, and this list does not have that. Add "${target}" to the list, or change the map.`

const wordsFor = (from: string): string => (from === ANY ? 'whatever is left' : `"${from}"`)

/** Names that the provider is not known for. It may well have them; so may the base URL of one's own. */
export function modelNotes(
  { id, models: known }: Pick<ProviderInfo, 'id' | 'models'>,
  { modelMap, baseUrl }: Pick<Account, 'modelMap' | 'baseUrl'>,
): string[] {
  if (known.length === 0 || baseUrl !== undefined) return []
  return [...modelMap].flatMap(([from, targets]) =>
    targets
      .filter((target) => !known.includes(target))
      .map(
        (target) =>
          `modelMap.${from}: "${target}" is not among the models that Spillway knows of ${id} (${known.join(', ')}). It is asked for all the same.${meant(target, known)}`,
      ),
  )
}

function meant(target: string, known: readonly string[]): string {
  const family = familyOf(target)
  const kin = isFamily(family) ? known.filter((name) => familyOf(name) === family) : known
  const name = nearest(target, kin) ?? (isFamily(target) ? kin[0] : undefined)
  return name === undefined ? '' : ` Did you mean "${name}"?`
}
