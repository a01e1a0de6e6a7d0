/**
 * What a request asks of routing beyond its body's own words: which pool, which class of
 * work, which model in the place of the one it names, whom it does not want, how long it
 * would rather wait. From its path, its headers, its key and the operator's rules. Must not
 * look at any account's state.
 */
import { GatewayError } from '../core/error.ts'
import { headerOf } from '../core/headers.ts'
import {
  DEFAULT_POOL,
  EVERYBODY,
  isRequestClass,
  type PoolRule,
  preferenceFor,
  type RequestClass,
  type RoutingRules,
} from '../core/rules.ts'
import type { RequestFacts } from '../core/situation.ts'
import type { StrategyName } from '../core/strategies.ts'
import { HOUR, later, readLength } from '../core/time.ts'
import type { MessagesRequest } from '../dialects/messages/request.ts'
import type { ProxyContext } from './context.ts'
import type { Job } from './job.ts'
import { assertModel } from './permission.ts'

export type Wants = Pick<
  RequestFacts,
  'wanted' | 'class' | 'tokens' | 'excluded' | 'groups' | 'holdUntil'
> & {
  readonly pool: PoolRule | undefined
  /** The key's own. */
  readonly strategy: StrategyName | undefined
  /** Known only where a rule asks for it, or the client says it. */
  readonly agentKind: string | undefined
}

const NOBODY: readonly string[] = []

export const NO_WANTS: Wants = {
  wanted: undefined,
  class: 'interactive',
  tokens: 0,
  excluded: NOBODY,
  groups: undefined,
  holdUntil: undefined,
  pool: undefined,
  strategy: undefined,
  agentKind: undefined,
}

export interface Asked {
  readonly body: Uint8Array
  readonly read: MessagesRequest & { readonly model: string }
  /** It comes from a spawned agent. */
  readonly hasAgent: boolean
}

/** JSON text has about four bytes to a token; an answer adds to it. */
export const BYTES_A_TOKEN = 4
export const ANSWER_TOKENS = 1_000

/** `asked` undefined: the endpoint has no model. Throws GatewayError. */
export function wantsOf(job: Job, asked: Asked | undefined, context: ProxyContext): Wants {
  const { headers } = job.request
  const { rules } = context.settings()
  const said = asked && headerOf(headers, 'x-spillway-agent')?.slice(0, LONGEST_KIND)
  const agent = said ?? (asked && asksForAgents(rules) ? context.agents.recognise(asked) : undefined)
  const excluded = headerOf(headers, 'x-spillway-exclude')
  const wanted = asked && wantedModel(asked.read.model, agent, job, rules)
  if (asked !== undefined && wanted !== undefined)
    assertModel(job, { asked: asked.read.model, wanted }, context)
  return {
    wanted,
    class: classOf(job, agent, rules),
    tokens: asked === undefined ? ANSWER_TOKENS : asked.body.length / BYTES_A_TOKEN + ANSWER_TOKENS,
    excluded: excluded === undefined ? NOBODY : excluded.split(',').map((name) => name.trim()),
    groups: job.key?.rules.groups,
    holdUntil: holdUntil(job, context),
    strategy: job.key?.rules.strategy,
    pool: poolOf(job, rules, context),
    agentKind: agent,
  }
}

/** Clients choose this text. */
const LONGEST_KIND = 64

const asksForAgents = ({ agentModels, agentClasses }: RoutingRules): boolean =>
  agentModels.size > 0 || agentClasses.size > 0

/** The operator's word for this agent, then for this key, then for everybody (G11: only a rule changes a model). */
function wantedModel(model: string, agent: string | undefined, { key }: Job, rules: RoutingRules): string {
  const ofAgent = agent === undefined ? undefined : rules.agentModels.get(agent)
  const preferred =
    (ofAgent && preferenceFor(ofAgent, model)) ??
    (key?.rules.models && preferenceFor(new Map(Object.entries(key.rules.models)), model)) ??
    model
  return rules.aliases.get(preferred) ?? preferred
}

/** Whoever is of the background can't make itself interactive; the other way round is modest. */
function classOf({ key, request }: Job, agent: string | undefined, rules: RoutingRules): RequestClass {
  const said = headerOf(request.headers, 'x-spillway-class')
  if (said !== undefined && !isRequestClass(said)) {
    const message = `The header x-spillway-class is "${said}"; it can be interactive or background.`
    throw new GatewayError('bad-request', message)
  }
  const ofAgent = agent === undefined ? undefined : rules.agentClasses.get(agent)
  const isBackground = [said, key?.rules.class, ofAgent].includes('background')
  return isBackground ? 'background' : 'interactive'
}

const LONGEST_HOLD_MS = HOUR

function holdUntil(job: Job, { clock }: ProxyContext): RequestFacts['holdUntil'] {
  const said = headerOf(job.request.headers, 'x-spillway-hold')
  const length = said === undefined ? job.key?.rules.holdMs : readLength(said)
  if (said !== undefined && length === undefined) {
    const message = `The header x-spillway-hold is "${said}"; it must be a length such as "90s" or "10m".`
    throw new GatewayError('bad-request', message)
  }
  return length === undefined || length === 0
    ? undefined
    : later(clock.now(), Math.min(length, LONGEST_HOLD_MS))
}

const POOL_PATH = /^\/pool\/([^/]+)(\/.*)$/

/** "/pool/work/v1/messages" → work and /v1/messages. */
export function splitPool(path: string): { readonly pool: string | undefined; readonly path: string } {
  const [, pool, rest] = POOL_PATH.exec(path) ?? []
  return pool === undefined || rest === undefined ? { pool: undefined, path } : { pool, path: rest }
}

/** The one that the path names, if the key may; else the key's; else the one called "default". */
function poolOf(job: Job, rules: RoutingRules, context: ProxyContext): PoolRule | undefined {
  const { pool: named } = splitPool(job.request.path)
  const ofKey = job.key?.rules.pool
  if (named !== undefined && ofKey !== undefined && named !== ofKey) {
    const message = `The key ${job.key?.name ?? ''} belongs to the pool ${ofKey}; it may not use the pool ${named}.`
    throw new GatewayError('forbidden', message)
  }
  const name = named ?? ofKey
  if (name === undefined) return rules.pools.get(DEFAULT_POOL)
  const pool = rules.pools.get(name) ?? groupAsPool(name, context)
  if (pool !== undefined) return pool
  throw new GatewayError('not-found', `There is no pool and no group of accounts called "${name}".`)
}

/** A group of accounts can be named as it is: a pool of one tier. */
function groupAsPool(name: string, { pool }: ProxyContext): PoolRule | undefined {
  const isGroup = name !== EVERYBODY && pool.views().some(({ account }) => account.groups.includes(name))
  return isGroup ? { name, tiers: [{ group: name, usdPerDay: undefined }], strategy: undefined } : undefined
}
