/**
 * Holds a request against what its key may call: the endpoint before the body is read, the
 * model as soon as it is known which one it would get. Costs a key without such rules
 * nothing. How much a key may use is allowance.ts.
 */
import type { KeyRules } from '../core/access.ts'
import { GatewayError } from '../core/error.ts'
import type { EndpointName } from '../core/key-limits.ts'
import { withoutContextMark } from '../core/model.ts'
import type { RoutingRules } from '../core/rules.ts'
import { isKnownListed } from '../core/served.ts'
import type { Observer } from './context.ts'
import { endpointNameOf } from './endpoint.ts'
import type { Job } from './job.ts'

/** What of a job its permission depends on. */
export interface Calling extends Pick<Job, 'key' | 'endpoint' | 'path'> {
  readonly record: Pick<Job['record'], 'decision'>
}

interface Permitting {
  readonly settings: () => { readonly rules: Pick<RoutingRules, 'aliases'> }
  readonly observe: Pick<Observer, 'keyRefused'>
}

/** Throws GatewayError `forbidden` where the key may not call this endpoint. */
export function assertEndpoint(
  { key, endpoint, path, record }: Calling,
  { observe }: Pick<Permitting, 'observe'>,
): void {
  const rules = key?.rules
  if (key === undefined || rules === undefined) return
  if (rules.endpoints === undefined && !isBounded(rules)) return
  const name = endpointNameOf(endpoint, path)
  const why = whyNot(rules, name, endpoint.kind === 'identity')
  if (why === undefined) return
  observe.keyRefused(key.name, 'endpoint')
  const refusal = `The key "${key.name}" ${why}.`
  record.decision = { ...record.decision, refusal }
  throw new GatewayError('forbidden', refusal)
}

/** Keys with bounds that hold only where an answer's model and usage are read. */
const isBounded = ({ budgets, tokensPerMinute, allowedModels }: KeyRules): boolean =>
  budgets !== undefined || tokensPerMinute !== undefined || allowedModels !== undefined

/** Where neither models nor tokens are read, a key that is bounded by them comes only if the operator has said so. */
const UNREAD: ReadonlySet<EndpointName> = new Set(['batches', 'other'])

function whyNot(rules: KeyRules, name: EndpointName, isIdentity: boolean): string | undefined {
  const { endpoints } = rules
  if (endpoints !== undefined)
    return endpoints.includes(name) ? undefined : `may call only ${endpoints.join(', ')}; this is ${name}`
  if (isIdentity || !UNREAD.has(name)) return undefined
  return (
    `has limits of models or tokens, which are not read in what goes to ${name} endpoints; ` +
    `it may call them only if its endpoints name "${name}"`
  )
}

/**
 * Throws GatewayError `forbidden` where the key may not use the model that it would get. An
 * alias may be listed by its own name.
 */
export function assertModel(
  job: Pick<Calling, 'key' | 'record'>,
  { asked, wanted }: { readonly asked: string; readonly wanted: string },
  { settings, observe }: Permitting,
): void {
  const allowed = job.key?.rules.allowedModels
  if (allowed === undefined || isAllowed(allowed, { asked, wanted }, settings().rules)) return
  const { name } = job.key ?? { name: '' }
  observe.keyRefused(name, 'model')
  const what = wanted === asked ? asked : `${wanted} (in the place of ${asked})`
  const refusal = `The key "${name}" may use only ${allowed.join(', ')}; it may not use ${what}.`
  job.record.decision = { ...job.record.decision, refusal }
  throw new GatewayError('forbidden', refusal)
}

const isAllowed = (
  allowed: readonly string[],
  { asked, wanted }: { readonly asked: string; readonly wanted: string },
  { aliases }: Pick<RoutingRules, 'aliases'>,
): boolean =>
  isKnownListed(allowed, withoutContextMark(wanted)) ||
  (aliases.get(asked) === wanted && allowed.includes(asked))
