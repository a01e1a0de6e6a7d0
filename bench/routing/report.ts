/**
 * The report of a run, as Markdown: for each trace what every strategy did beside the optimum,
 * the goals, how it depends on load, what decisions cost. Must not compute what it shows.
 */
import { STRATEGIES, type StrategyName } from '../../src/core/strategies.ts'
import type { Machine } from '../machine.ts'
import { type Line, table } from '../table.ts'
import { type DecisionCost, POOL_SIZES } from './decision.ts'
import type { Served } from './greedy.ts'
import { LOADED_STRATEGIES, type LoadPoint } from './loads.ts'
import type { Score } from './measure.ts'
import type { Optimum } from './optimum.ts'

export interface TraceResult {
  readonly name: string
  readonly description: string
  readonly accounts: number
  readonly requests: number
  /** Asked for, with perfect caching. */
  readonly demand: number
  readonly optimum: Optimum
  /** By whoever never loses a cache, and knows nothing of the future. */
  readonly greedy: Served
  readonly scores: ReadonlyMap<StrategyName, Score>
  readonly loads: readonly LoadPoint[]
}

export interface Findings {
  readonly machine: Machine
  readonly traces: readonly TraceResult[]
  readonly decisions: readonly DecisionCost[]
  /** Others' processes that wanted a core meanwhile. */
  readonly busy: number
}

const LEAST_WORK = 0.95
const MOST_EXTRA = 0.05
const MOST_NS: ReadonlyMap<number, number> = new Map([
  [10, 5_000],
  [1_000, 50_000],
])

export function renderReport({ machine, traces, decisions, busy }: Findings): string {
  return [
    `# Routing beside the optimum, ${machine.date}`,
    `Commit ${machine.commit}. ${machine.cores} cores of ${machine.cpu}, ${machine.kernel}, Bun ${machine.bun}. ` +
      'What the numbers mean, and which bound the optimum is: [README](../README.md).',
    ...section('Goals', [goals(traces, decisions)]),
    ...traces.flatMap((trace) => section(trace.name, [introduction(trace), scoreTable(trace)])),
    ...section('Under other loads', [LOADS_SAY, ...traces.flatMap(loadParts)]),
    ...(decisions.length === 0
      ? []
      : section('What a decision costs', [DECISIONS_SAY, ...disturbance(busy), decisionTable(decisions)])),
  ].join('\n\n')
}

const section = (title: string, parts: readonly string[]): readonly string[] => [`## ${title}`, ...parts]

const millions = (tokens: number): string => `${(tokens / 1e6).toFixed(1)} M`
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
const reached = (is: boolean): string => (is ? 'reached' : '**fallen short**')

const extraOf = ({ extra, spent }: Score): number => extra / (spent - extra)

function goals(traces: readonly TraceResult[], decisions: readonly DecisionCost[]): string {
  const lines: Line[] = [['goal', 'found', '']]
  for (const { name, optimum, scores } of traces) {
    const affinity = scores.get('affinity')
    if (affinity === undefined) continue
    const share = affinity.work / optimum.work
    lines.push([
      `${name}: affinity serves ≥ 95 % of the optimum’s work`,
      percent(share),
      reached(share >= LEAST_WORK),
    ])
    const extra = extraOf(affinity)
    lines.push([`${name}: it spends ≤ 5 % extra on caches`, percent(extra), reached(extra <= MOST_EXTRA)])
    for (const other of ['session', 'round-robin'] as const) {
      const score = scores.get(other)
      if (score === undefined) continue
      const isBetter = affinity.work > score.work && extra < extraOf(score)
      const found = `${percent(score.work / optimum.work)}, ${percent(extraOf(score))}`
      lines.push([`${name}: it is better than ${other} on both`, found, reached(isBetter)])
    }
  }
  for (const [accounts, most] of MOST_NS) {
    const costs = decisions.filter((each) => each.accounts === accounts).map(({ ns }) => ns.median)
    if (costs.length === 0) continue
    const worst = Math.max(...costs)
    const goal = `a decision among ${accounts.toLocaleString('en')} accounts costs ≤ ${most / 1_000} µs`
    lines.push([goal, `${micros(worst)} µs at worst`, reached(worst <= most)])
  }
  return table(lines)
}

function introduction({ description, accounts, requests, demand, optimum }: TraceResult): string {
  return (
    `${description} ${accounts} accounts, ${requests.toLocaleString('en')} requests, ${millions(demand)} tokens of work; ` +
    `the load is ${percent(demand / optimum.room)} of what windows can hold. The optimum serves at most ` +
    `${percent(optimum.work / demand)} of the work, or ${percent(optimum.requests / requests)} of the requests.`
  )
}

const SCORE_HEAD = [
  '',
  'work ÷ optimum',
  'requests ÷ optimum',
  'extra for caches',
  'switches',
  'refused',
  'lost caches',
]

function scoreTable({ optimum, greedy, scores }: TraceResult): string {
  const lines = STRATEGIES.flatMap(({ name }) => {
    const score = scores.get(name)
    if (score === undefined) return []
    const { work, requests, switches, refused, spent, extra } = score
    return [
      [
        name,
        percent(work / optimum.work),
        percent(requests / optimum.requests),
        percent(extraOf(score)),
        String(switches),
        String(refused),
        percent(Math.max(0, spent - extra - work) / work),
      ],
    ]
  })
  const reference = [
    'no cache ever lost',
    percent(greedy.work / optimum.work),
    percent(greedy.requests / optimum.requests),
  ]
  return table([SCORE_HEAD, ...lines, [...reference, '', '', '', '']])
}

const LOADS_SAY =
  'The same requests, with windows that hold more or less: work ÷ optimum, and extra tokens for caches.'

function loadParts({ name, loads }: TraceResult): readonly string[] {
  if (loads.length === 0) return []
  const head = [name, ...loads.map(({ load }) => `${Math.round(load * 100)} %`)]
  const possible = ['optimum ÷ demand', ...loads.map((point) => percent(point.possible))]
  const lines = LOADED_STRATEGIES.map((strategy) => [
    strategy,
    ...loads.map(({ results }) => {
      const result = results.find((each) => each.strategy === strategy)
      return result === undefined ? '' : `${(result.work * 100).toFixed(1)}, ${percent(result.extra)}`
    }),
  ])
  return [table([head, possible, ...lines])]
}

const DECISIONS_SAY =
  'Microseconds a decision (`nextStep`), the median of rounds; bound: the conversation has an account with a warm cache.'

const MOST_BUSY = 0.5

const disturbance = (busy: number): readonly string[] =>
  busy <= MOST_BUSY
    ? []
    : [
        `**The machine had other work to do (about ${busy.toFixed(1)} processes): these are too high, and not for publishing.**`,
      ]

const micros = (ns: number): string => (ns / 1_000).toFixed(ns < 10_000 ? 2 : 1)

function decisionTable(decisions: readonly DecisionCost[]): string {
  const head = ['accounts', ...STRATEGIES.map(({ name }) => name)]
  const lines = POOL_SIZES.flatMap((accounts) =>
    (['healthy', 'tenth-cooling'] as const).flatMap((health) =>
      [false, true].map((isBound) => {
        const label = `${accounts.toLocaleString('en')}, ${health === 'healthy' ? 'all well' : 'a tenth cooling'}, ${isBound ? 'bound' : 'unbound'}`
        const cells = STRATEGIES.map(({ name }) => {
          const found = decisions.find(
            (each) =>
              each.accounts === accounts &&
              each.health === health &&
              each.isBound === isBound &&
              each.strategy === name,
          )
          return found === undefined ? '' : micros(found.ns.median)
        })
        return [label, ...cells]
      }),
    ),
  )
  return table([head, ...lines])
}
