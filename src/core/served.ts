/**
 * Which models an account can be asked for: its map, the operator's list, its plan's rules.
 * What its provider has refused lately is a cooldown (`health.ts`), not this. Asked for every
 * account of every request, so that nothing is worked out twice. Must not choose accounts.
 */
import type { Account } from './account.ts'
import { familyOf, withoutContextMark } from './model.ts'
import { lackingIn } from './plan-rules.ts'

/** The list's name for every model. */
const ANY = '*'

type Models = readonly string[]

/** Maps, lists and rules are replaced when they change, so what follows from one never changes. */
const byMap = new WeakMap<Account['modelMap'], Map<string, Models>>()
/** Where nothing is mapped, the same for all accounts. */
const unmapped = new Map<string, Models>()
const byList = new WeakMap<Models, Map<string, boolean>>()
const byLacking = new Map<ReadonlySet<string>, Map<string, boolean>>()

/** Clients choose these names: neither how many nor how long they are may fill the memory (G10). */
const MOST_KNOWN = 200
const LONGEST_KNOWN = 200

/**
 * The models that this account is to be asked for when a client wants `model`, best first:
 * by the exact name, then without Claude Code's mark, by its family, by "*"; unmapped, the
 * name itself.
 */
export function servedModelsOf({ modelMap }: Pick<Account, 'modelMap'>, model: string): Models {
  const known = modelMap.size === 0 ? unmapped : knownOf(byMap, modelMap)
  return known.get(model) ?? remember(known, model, lookUp(modelMap, model))
}

function lookUp(modelMap: Account['modelMap'], model: string): Models {
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
  if (models !== undefined) {
    return isKnownListed(models, model) ? undefined : 'its list of models does not have it'
  }
  const lacking = plan === undefined ? undefined : lackingIn(plan)
  if (lacking === undefined) return undefined
  const known = knownOf(byLacking, lacking)
  const isLacking = known.get(model) ?? remember(known, model, lacking.has(familyOf(model)))
  return isLacking ? `its plan (${plan}) does not have it` : undefined
}

/** The same as `isListed`, remembered: for lists that are replaced when they change. */
export function isKnownListed(models: Models, model: string): boolean {
  const known = knownOf(byList, models)
  return known.get(model) ?? remember(known, model, isListed(models, model))
}

/** Whether an account with this list can be asked for the model. */
export const isListed = (models: Models, model: string): boolean =>
  models.some((entry) => isNaming(withoutContextMark(entry), model))

/** A name, a family, or the beginning of a name with a star. */
function isNaming(entry: string, model: string): boolean {
  if (entry === model || entry === ANY) return true
  if (entry.endsWith(ANY)) return model.startsWith(entry.slice(0, -1))
  return entry === familyOf(model)
}

function knownOf<Source extends object, T>(
  bySource: Pick<WeakMap<Source, Map<string, T>>, 'get' | 'set'>,
  source: Source,
): Map<string, T> {
  const present = bySource.get(source)
  if (present !== undefined) return present
  const known = new Map<string, T>()
  bySource.set(source, known)
  return known
}

function remember<T>(known: Map<string, T>, model: string, answer: T): T {
  if (model.length > LONGEST_KNOWN) return answer
  // Whatever is asked for again is soon known again.
  if (known.size >= MOST_KNOWN) known.clear()
  known.set(model, answer)
  return answer
}
