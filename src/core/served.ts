/**
 * Which models an account can be asked for: its map, the operator's list, its plan's rules.
 * What its provider has refused lately is a cooldown (`health.ts`), not this. Asked for every
 * account of every request, so that nothing is worked out twice. Must not choose accounts.
 */
import type { Account } from './account.ts'
import { familyOf, withoutContextMark } from './model.ts'
import { planWithout } from './plan-rules.ts'

/** The list's name for every model. */
const ANY = '*'

/** Accounts are replaced when they change, so what follows from one never changes. */
const known = new WeakMap<Account['modelMap'], Map<string, readonly string[]>>()
const MOST_KNOWN = 1_000

/**
 * The models that this account is to be asked for when a client wants `model`, best first:
 * by the exact name, then by its family, then by "*"; unmapped, the name itself.
 */
export function servedModelsOf({ modelMap }: Pick<Account, 'modelMap'>, model: string): readonly string[] {
  let names = known.get(modelMap)
  if (names === undefined) {
    names = new Map()
    known.set(modelMap, names)
  }
  const found = names.get(model)
  if (found !== undefined) return found
  const models = lookUp(modelMap, model)
  if (names.size < MOST_KNOWN) names.set(model, models)
  return models
}

function lookUp(modelMap: Account['modelMap'], model: string): readonly string[] {
  const plain = withoutContextMark(model)
  for (const name of [model, plain, familyOf(plain), ANY]) {
    const models = modelMap.get(name)
    if (models !== undefined && models.length > 0) return models
  }
  return [plain]
}

/**
 * Why the account cannot be asked for `model`, the name that it would be asked for; undefined
 * when it can, as far as anybody has said. An operator's list outranks what plans are known for.
 */
export function unservedReason(
  { models }: Pick<Account, 'models'>,
  plan: string | undefined,
  model: string,
): string | undefined {
  if (models !== undefined)
    return models.some((entry) => isNaming(entry, model)) ? undefined : 'its list of models does not have it'
  return plan !== undefined && planWithout(plan, familyOf(model))
    ? `its plan (${plan}) does not have it`
    : undefined
}

/** A name, a family, or the beginning of a name with a star. */
function isNaming(entry: string, model: string): boolean {
  if (entry === model || entry === ANY) return true
  if (entry.endsWith(ANY)) return model.startsWith(entry.slice(0, -1))
  return entry === familyOf(model)
}
