/** The routing rules that settings hold as they were written, in the shape that decisions use. */
import type { RoutingRules } from '../core/rules.ts'
import { readAgents, readAliases, readPools, readReserves } from '../core/rules-input.ts'
import type { Settings } from '../settings.ts'

export function rulesOf(settings: Pick<Settings, 'pools' | 'aliases' | 'agents' | 'reserves'>): RoutingRules {
  const agents = readAgents(settings.agents)
  return {
    pools: readPools(settings.pools),
    aliases: readAliases(settings.aliases),
    agentModels: agents.models,
    agentClasses: agents.classes,
    reserves: readReserves(settings.reserves),
  }
}
