/**
 * Makes a broken run small: fewer requests, accounts, faults and rules, as long as the same
 * invariant breaks (delta debugging). Always the same result for the same run. Must not look
 * into why it breaks.
 */
import { DAY, toMillis } from '../core/time.ts'
import type { Breach } from './invariants.ts'
import type { Machinery, Scenario } from './scenario.ts'
import { simulate } from './simulate.ts'
import type { Trace, TraceAccount, TraceRequest } from './trace.ts'

export interface Shrunk {
  readonly scenario: Scenario
  readonly breach: Breach
  /** How many runs that took. */
  readonly runs: number
}

interface Search {
  readonly machinery: Machinery
  readonly invariant: string
  runs: number
  best: Broken
}

interface Broken {
  readonly scenario: Scenario
  readonly breach: Breach
}

/** Each round may make another one possible; nothing has been seen to take more. */
const MOST_ROUNDS = 8

export async function shrink(broken: Broken, machinery: Machinery): Promise<Shrunk> {
  const search: Search = { machinery, invariant: broken.breach.invariant, runs: 0, best: broken }
  await take(search, upToBreach(broken))
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const before = sizeOf(search.best.scenario)
    await shrinkRequests(search)
    await shrinkAccounts(search)
    await shrinkRules(search)
    if (sizeOf(search.best.scenario) === before) break
  }
  const { scenario, breach } = search.best
  return { scenario, breach, runs: search.runs }
}

/** How much there is to read. */
function sizeOf({ trace, pool, reserves = [] }: Scenario): number {
  const ofAccounts = trace.accounts.map(
    ({ faults, windows, groups, ...account }) =>
      faults.length +
      groups.length +
      Object.keys(account).length +
      sum(windows.map(({ capacity }) => 1 + Math.log2(capacity))),
  )
  const ofRequests = trace.requests.map((request) => Object.keys(request).length)
  return sum(ofAccounts) + sum(ofRequests) + reserves.length + (pool === undefined ? 0 : 1)
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** Takes the smaller one over if the same breaks. */
async function take(search: Search, scenario: Scenario): Promise<boolean> {
  search.runs++
  const { breach } = await simulate(scenario, { machinery: search.machinery, isChecked: true })
  if (breach?.invariant !== search.invariant) return false
  search.best = { scenario, breach }
  return true
}

const withTrace = (scenario: Scenario, change: Partial<Trace>): Scenario => ({
  ...scenario,
  trace: { ...scenario.trace, ...change },
})

/** What came after the breach has nothing to do with it. */
function upToBreach({ scenario, breach }: Broken): Scenario {
  const { trace } = scenario
  return withTrace(scenario, {
    requests: trace.requests.filter(({ at }) => at <= breach.at),
    endsAt: toMillis(Math.min(trace.endsAt, breach.at + DAY)),
  })
}

/** Ever smaller pieces are left out, from the end, where what matters is least likely to begin. */
async function shrinkRequests(search: Search): Promise<void> {
  const requests = () => search.best.scenario.trace.requests
  for (
    let piece = Math.ceil(requests().length / 2);
    piece >= 1;
    piece = piece === 1 ? 0 : Math.ceil(piece / 2)
  ) {
    for (let end = requests().length; end > 0; end -= piece) {
      const left = requests().filter((_, index) => index < end - piece || index >= end)
      await take(search, withTrace(search.best.scenario, { requests: left }))
    }
  }
  for (const [index, request] of requests().entries()) {
    for (const plainer of plainerRequests(request)) {
      const changed = requests().map((each, place) => (place === index ? plainer : each))
      if (await take(search, withTrace(search.best.scenario, { requests: changed }))) break
    }
  }
}

/** Without one of its oddities each. */
function plainerRequests({
  isPoisonous,
  poison,
  holdMs,
  leavesAfterMs,
  ...plain
}: TraceRequest): readonly TraceRequest[] {
  const oddities = [
    isPoisonous === undefined ? {} : { isPoisonous, ...(poison === undefined ? {} : { poison }) },
    holdMs === undefined ? {} : { holdMs },
    leavesAfterMs === undefined ? {} : { leavesAfterMs },
  ].filter((oddity) => Object.keys(oddity).length > 0)
  if (oddities.length === 0) return []
  const without = oddities.map((left) => oddities.filter((each) => each !== left))
  return [[], ...without].map((kept): TraceRequest => Object.assign({ ...plain }, ...kept))
}

async function shrinkAccounts(search: Search): Promise<void> {
  const accounts = () => search.best.scenario.trace.accounts
  for (const { name } of accounts()) {
    if (accounts().length < 2) break
    const left = accounts().filter((account) => account.name !== name)
    await take(search, withTrace(search.best.scenario, { accounts: left }))
  }
  for (const { name } of accounts()) {
    for (const simpler of SIMPLER) {
      const current = accounts().find((account) => account.name === name)
      if (current === undefined) continue
      for (const account of simpler(current)) {
        const changed = accounts().map((each) => (each.name === name ? account : each))
        if (await take(search, withTrace(search.best.scenario, { accounts: changed }))) break
      }
    }
  }
}

type Simpler = (account: TraceAccount) => readonly TraceAccount[]

const without = <T>(values: readonly T[]): readonly (readonly T[])[] =>
  values.map((_, left) => values.filter((__, index) => index !== left))

const SIMPLER: readonly Simpler[] = [
  (account) => (account.faults.length > 1 ? [{ ...account, faults: [] }] : []),
  ...Array.from(
    { length: 40 },
    (): Simpler => (account) => without(account.faults).map((faults) => ({ ...account, faults })),
  ),
  (account) => (account.windows.length > 1 ? [{ ...account, windows: [] }] : []),
  ...Array.from(
    { length: 3 },
    (): Simpler => (account) => without(account.windows).map((windows) => ({ ...account, windows })),
  ),
  // Where a window is to be spent, fewer requests can spend a smaller one.
  ({ windows, ...account }) =>
    [1, 1_000, 30_000].flatMap((capacity) =>
      windows.some((window) => window.capacity > capacity)
        ? [
            {
              ...account,
              windows: windows.map((window) => ({
                ...window,
                capacity: Math.min(capacity, window.capacity),
              })),
            },
          ]
        : [],
    ),
  (account) => (account.groups.length > 0 ? [{ ...account, groups: [] }] : []),
  ({ modelMap, ...account }) => (modelMap === undefined ? [] : [account]),
  ({ models, ...account }) => (models === undefined ? [] : [account]),
  ({ organization, ...account }) => (organization === undefined ? [] : [account]),
  ({ origin, ...account }) => (origin === undefined ? [] : [account]),
  ({ maxConcurrent, ...account }) => (maxConcurrent === undefined ? [] : [account]),
  (account) =>
    account.priority + account.weight + account.tier === 2
      ? []
      : [{ ...account, priority: 0, weight: 1, tier: 1 }],
]

async function shrinkRules(search: Search): Promise<void> {
  const { pool, ...withoutPool } = search.best.scenario
  if (pool !== undefined) await take(search, withoutPool)
  if ((search.best.scenario.reserves ?? []).length > 0)
    await take(search, { ...search.best.scenario, reserves: [] })
  if (search.best.scenario.pollMs > 0) await take(search, { ...search.best.scenario, pollMs: 0 })
  if (search.best.scenario.strategy !== 'affinity')
    await take(search, { ...search.best.scenario, strategy: 'affinity' })
}
