/** A broken run in words: what broke, on which pool, by which requests, step by step. */
import { describeLength, toIso } from '../core/time.ts'
import type { Breach } from './invariants.ts'
import type { Machinery, Scenario } from './scenario.ts'
import { simulate } from './simulate.ts'
import type { TraceAccount, TraceRequest } from './trace.ts'
import { createTrail } from './trail.ts'

export async function describeBreach(
  scenario: Scenario,
  breach: Breach,
  machinery: Machinery,
): Promise<string> {
  const trail = createTrail()
  await simulate(scenario, { machinery, isChecked: true, watchers: [trail.watcher] })
  const { trace, strategy, seed, pool, reserves = [], policy } = scenario
  return [
    `${breach.invariant}: ${breach.sentence}`,
    `at ${toIso(breach.at)}, request ${breach.request}; seed ${seed}, strategy ${strategy}`,
    `accounts (${trace.accounts.length}):`,
    ...trace.accounts.map((account) => `  ${JSON.stringify(readable(account))}`),
    `requests (${trace.requests.length}):`,
    ...trace.requests.map(
      (request, number) =>
        `  ${number} ${JSON.stringify({ ...request, at: toIso(request.at) } satisfies Readable<TraceRequest>)}`,
    ),
    ...(pool === undefined ? [] : [`pool: ${JSON.stringify(pool)}`]),
    ...(reserves.length === 0 ? [] : [`reserves: ${JSON.stringify(reserves)}`]),
    `policy: ${JSON.stringify(policy)}`,
    'steps:',
    ...trail.lines.map((line) => `  ${line}`),
  ].join('\n')
}

type Readable<T extends { readonly at: unknown }> = Omit<T, 'at'> & { readonly at: string }

const readable = ({ faults, windows, ...account }: TraceAccount) => ({
  ...account,
  windows: windows.map(({ name, capacity }) => `${name} of ${capacity}`),
  faults: faults.map(
    ({ kind, from, until }) => `${kind} from ${toIso(from)} for ${describeLength(until - from)}`,
  ),
})
