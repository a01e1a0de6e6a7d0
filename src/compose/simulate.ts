/**
 * `spillway simulate`: a made-up pool, or the operator's own last days, under each strategy.
 * Everything stays in this process; nothing is sent to anybody, and nothing is written.
 */
import { CommandError, EXIT } from '../cli/shell.ts'
import type { SimulationReport, SimulationWish, StrategyResult } from '../cli/simulation.ts'
import { isStrategy, STRATEGIES, type StrategyName } from '../core/strategies.ts'
import { toIso } from '../core/time.ts'
import { generateTrace } from '../simulation/generate.ts'
import type { Scenario } from '../simulation/scenario.ts'
import { simulate } from '../simulation/simulate.ts'
import { readLedgerTrace } from './ledger-trace.ts'
import { toSimulatedRules } from './simulated-rules.ts'

export async function runSimulation({ strategies, source }: SimulationWish): Promise<SimulationReport> {
  const names = strategiesOf(strategies)
  if (source.kind === 'ledger') {
    const { trace, rules, actual, inForce, notes } = await readLedgerTrace(source.client, source.days)
    const results = await underEach(names, { ...rules, trace, seed: 1 })
    return { source: 'ledger', ...shapeOf({ trace }), results, actual, inForce, notes }
  }
  const trace = generateTrace(source)
  const results = await underEach(names, { ...toSimulatedRules(new Map()), trace, seed: source.seed })
  return { source: 'synthetic', ...shapeOf({ trace }), results, notes: [] }
}

function strategiesOf(asked: readonly string[]): readonly StrategyName[] {
  const unknown = asked.find((name) => !isStrategy(name))
  if (unknown !== undefined) {
    const known = STRATEGIES.map(({ name }) => name).join(', ')
    throw new CommandError(EXIT.usage, `There is no strategy "${unknown}". There are: ${known}.`)
  }
  return asked.length === 0 ? STRATEGIES.map(({ name }) => name) : [...new Set(asked.filter(isStrategy))]
}

const shapeOf = ({ trace: { startsAt, endsAt, accounts, requests } }: Pick<Scenario, 'trace'>) => ({
  startsAt: toIso(startsAt),
  endsAt: toIso(endsAt),
  accounts: accounts.length,
  requests: requests.length,
})

async function underEach(
  names: readonly StrategyName[],
  common: Omit<Scenario, 'strategy'>,
): Promise<readonly StrategyResult[]> {
  const results: StrategyResult[] = []
  for (const strategy of names) {
    const { tally } = await simulate({ ...common, strategy })
    const { requests, served, refused, truncated, rewrittenTokens, costUsd, switches, waits, attempts } =
      tally
    const counts = { requests, served, refused, truncated, switches, waits, attempts }
    results.push({ strategy, ...counts, cacheRewriteTokens: rewrittenTokens, costUsd })
  }
  return results
}
