/**
 * The handlers about agents: what is known of each, and the operator's preferences, which are
 * the setting `agents` and nothing beside it.
 */
import type { AgentDefinition } from '../../core/agent-definition.ts'
import { GatewayError } from '../../core/error.ts'
import type { SeenAgent } from '../../core/ports/session-log.ts'
import { ANY_MODEL, type RoutingRules } from '../../core/rules.ts'
import { nearest } from '../../core/similar.ts'
import { toIso, toMillis } from '../../core/time.ts'
import type { Answer, Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'
import { definedOnly } from '../views.ts'

type AgentHandlers = Pick<Handlers, 'listAgents' | 'changeAgent' | 'changeAgents'>
type AgentView = Answer<'changeAgent'>
type Change = Input<'changeAgents'>['body']['agents'][number]

interface AgentServices extends Pick<Services, 'agents'> {
  readonly routing: Pick<Services['routing'], 'rules'>
  readonly sessionLog: Pick<Services['sessionLog'], 'seenAgents'>
  readonly config: Pick<Services['config'], 'change'>
}

export function agentHandlers(services: AgentServices): AgentHandlers {
  const { agents, sessionLog } = services
  const inTurn = createTurns()
  const look = async (): Promise<readonly AgentView[]> =>
    viewsOf(agents.refresh().definitions, await sessionLog.seenAgents(), services)
  const change = async (changes: readonly Change[], call: Parameters<AgentHandlers['changeAgent']>[1]) => {
    const before = await look()
    for (const { name } of changes) assertKnown(name, before)
    await services.config.change({ agents: settingAfter(changes, services.routing.rules()) })
    const after = await look()
    return changes
      .map(({ name }) => {
        const [from, to] = [before, after].map(
          (views) => views.find((view) => view.name === name)?.preference,
        )
        call.changed({ target: name, from, to })
        return name
      })
      .flatMap((name) => after.filter((view) => view.name === name))
  }
  return {
    async listAgents() {
      const views = await look()
      return { agents: [...views], problems: agents.present().problems.map((problem) => ({ ...problem })) }
    },
    async changeAgent({ params, body }, call) {
      const [view] = await inTurn(() => change([{ ...body, name: params.name }], call))
      if (view !== undefined) return view
      throw new GatewayError('not-found', `There is no agent "${params.name}" any more.`)
    },
    changeAgents: async ({ body }, call) => ({
      agents: [...(await inTurn(() => change(body.agents, call)))],
    }),
  }
}

/** Each change builds on the one before it: the setting is one value. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const mine = last.then(work)
    last = mine.catch(() => {})
    return mine
  }
}

function assertKnown(name: string, views: readonly AgentView[]): void {
  if (views.some((view) => view.name === name)) return
  const near = nearest(
    name,
    views.map((view) => view.name),
  )
  const hint = near === undefined ? '' : ` Did you mean "${near}"?`
  throw new GatewayError(
    'not-found',
    `There is no agent "${name}": no workspace defines it, and it has not been seen.${hint}`,
  )
}

/** The setting as it is after the changes; what is empty is left out. */
function settingAfter(changes: readonly Change[], { agentModels, agentClasses }: RoutingRules): object {
  const setting = new Map(
    [...new Set([...agentModels.keys(), ...agentClasses.keys()])].map((name) => [
      name,
      { models: new Map(agentModels.get(name)), class: agentClasses.get(name) },
    ]),
  )
  for (const { name, model, models, class: ofClass } of changes) {
    const entry = setting.get(name) ?? { models: new Map<string, string>(), class: undefined }
    const kept = models === null ? new Map<string, string>() : entry.models
    for (const [from, to] of [...Object.entries(models ?? {}), [ANY_MODEL, model] as const]) {
      if (to === null) kept.delete(from)
      else if (to !== undefined) kept.set(from, to)
    }
    setting.set(name, { models: kept, class: ofClass === undefined ? entry.class : (ofClass ?? undefined) })
  }
  return Object.fromEntries(
    [...setting].flatMap(([name, { models, class: ofClass }]) => {
      if (models.size === 0 && ofClass === undefined) return []
      const fields = definedOnly({ class: ofClass })
      return [[name, models.size === 0 ? fields : { ...fields, models: Object.fromEntries(models) }]]
    }),
  )
}

function viewsOf(
  definitions: readonly AgentDefinition[],
  seen: readonly SeenAgent[],
  { routing, agents }: AgentServices,
): readonly AgentView[] {
  const rules = routing.rules()
  const names = new Set([
    ...definitions.map(({ name }) => name),
    ...seen.map(({ kind }) => kind),
    ...rules.agentModels.keys(),
    ...rules.agentClasses.keys(),
    ...agents.builtIn,
  ])
  return [...names].sort().map((name) =>
    toAgentView(
      name,
      {
        definition: definitions.find((each) => each.name === name),
        isBuiltIn: agents.builtIn.includes(name),
      },
      seen.filter(({ kind }) => kind === name),
      rules,
    ),
  )
}

function toAgentView(
  name: string,
  {
    definition,
    isBuiltIn,
  }: { readonly definition: AgentDefinition | undefined; readonly isBuiltIn: boolean },
  seen: readonly SeenAgent[],
  { agentModels, agentClasses }: RoutingRules,
): AgentView {
  const sum = (of: (use: SeenAgent) => number): number => seen.reduce((total, use) => total + of(use), 0)
  const { [ANY_MODEL]: model, ...models } = Object.fromEntries(agentModels.get(name) ?? [])
  const isRuled = agentModels.has(name) || agentClasses.has(name)
  return {
    name,
    sources: [
      ...(definition === undefined ? [] : (['workspace'] as const)),
      ...(seen.length === 0 ? [] : (['traffic'] as const)),
      ...(isRuled ? (['rule'] as const) : []),
      ...(isBuiltIn ? (['built-in'] as const) : []),
    ],
    ...definedOnly({
      description: definition?.description,
      definedModel: definition?.model,
      tools: definition?.tools && [...definition.tools],
      workspace: definition?.workspace,
      file: definition?.file,
      firstSeenAt: momentOf(Math.min(...seen.map(({ firstAt }) => firstAt))),
      lastSeenAt: momentOf(Math.max(...seen.map(({ usedAt }) => usedAt))),
    }),
    requests: sum(({ requests }) => requests),
    tokens: sum(({ tokens }) => tokens),
    costUsd: sum(({ costUsd }) => costUsd),
    models: seen.map((use) => ({
      model: use.model ?? null,
      servedModel: use.servedModel ?? null,
      requests: use.requests,
    })),
    preference: { ...definedOnly({ model, class: agentClasses.get(name) }), models },
  }
}

/** The least and the most of nothing are infinite. */
const momentOf = (at: number): string | undefined => (Number.isFinite(at) ? toIso(toMillis(at)) : undefined)
