/** The handlers about routing: the rules in force, dry runs, the waiting line. */
import { EVERYBODY, type RoutingRules, type Tier } from '../../core/rules.ts'
import { checkRules } from '../../core/rules-check.ts'
import { SECOND, toIso } from '../../core/time.ts'
import type { Answer } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'
import { definedOnly, toDecisionView } from '../views.ts'

type RoutingHandlers = Pick<Handlers, 'showRouting' | 'explainRoute' | 'showQueue'>

export function routingHandlers(services: Services): RoutingHandlers {
  const { routing, accounts, config } = services
  return {
    async showRouting() {
      const rules = routing.rules()
      return {
        strategy: config.strategy(),
        pools: poolsOf(rules, services),
        groups: groupsOf(services),
        aliases: Object.fromEntries(rules.aliases),
        agents: agentsOf(rules),
        reserves: rules.reserves.map(({ class: ofClass, window, share, group, lendMs }) => ({
          class: ofClass,
          window,
          percent: Math.round(share * 1_000) / 10,
          ...definedOnly({ group }),
          lendSeconds: lendMs / SECOND,
        })),
        findings: checkRules(rules, accounts.all()).map((finding) => ({ ...finding })),
      }
    },
    async explainRoute({ query }) {
      const { outcome, account, model, until, status, decision } = routing.explain(query)
      return {
        outcome,
        ...definedOnly({ account, model, until: until === undefined ? undefined : toIso(until), status }),
        decision: toDecisionView(decision),
      }
    },
    async showQueue() {
      return {
        waiting: routing
          .waiting()
          .map(({ id, cause, since, until, model, key, session, ...rest }, index) => ({
            id,
            place: index + 1,
            class: rest.class,
            cause,
            since: toIso(since),
            until: toIso(until),
            ...definedOnly({ model, key, session }),
          })),
      }
    },
  }
}

function poolsOf({ pools }: RoutingRules, { accounts, routing }: Services): Answer<'showRouting'>['pools'] {
  const tierView = ({ group, usdPerDay }: Tier) => ({
    group,
    ...definedOnly({ usdPerDay }),
    spentTodayUsd: routing.spentUsd(group),
    accounts: accounts
      .all()
      .filter(({ groups }) => group === EVERYBODY || groups.includes(group))
      .map(({ name }) => name),
  })
  return [...pools.values()].map(({ name, strategy, tiers }) => ({
    name,
    ...definedOnly({ strategy }),
    tiers: tiers.map(tierView),
  }))
}

function groupsOf({ accounts }: Services): Answer<'showRouting'>['groups'] {
  const names = [...new Set(accounts.all().flatMap(({ groups }) => groups))].sort()
  return names.map((name) => ({
    name,
    accounts: accounts
      .all()
      .filter(({ groups }) => groups.includes(name))
      .map((account) => account.name),
  }))
}

function agentsOf({ agentModels, agentClasses }: RoutingRules): Answer<'showRouting'>['agents'] {
  const kinds = [...new Set([...agentModels.keys(), ...agentClasses.keys()])]
  return kinds.map((kind) => ({
    kind,
    ...definedOnly({ class: agentClasses.get(kind) }),
    models: Object.fromEntries(agentModels.get(kind) ?? []),
  }))
}
