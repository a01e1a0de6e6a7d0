/**
 * `npm run bench:routing`: every strategy on every published trace, beside what could have been
 * served at most, and what a decision costs. Prints a report and leaves it in
 * bench/routing/results/. See bench/routing/README.md for what the numbers mean.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { STRATEGIES, type StrategyName } from '../../src/core/strategies.ts'
import { describeMachine } from '../machine.ts'
import { type DecisionCost, measureDecisions } from './decision.ts'
import { serveGreedily, soonestEnd } from './greedy.ts'
import { measureLoads } from './loads.ts'
import { measure, type Score, workOf } from './measure.ts'
import { optimumOf } from './optimum.ts'
import { renderReport, type TraceResult } from './report.ts'
import { readTrace } from './trace-file.ts'
import { TRACE_NAMES, traceFile } from './traces.ts'

const USAGE = `npm run bench:routing -- [options]
  --traces LIST    of ${TRACE_NAMES.join(', ')} (all)
  --no-loads       leaves out the runs under other loads
  --no-decisions   leaves out what decisions cost
  --dry            prints the report and writes no file
  --help           this text`

const { values } = parseArgs({
  options: {
    traces: { type: 'string', default: TRACE_NAMES.join() },
    'no-loads': { type: 'boolean', default: false },
    'no-decisions': { type: 'boolean', default: false },
    dry: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
/** This program keeps one core at work. */
const OWN_LOAD = 1

async function main(): Promise<void> {
  const machine = describeMachine()
  const traces: TraceResult[] = []
  for (const name of values.traces.split(',')) traces.push(await runTrace(name))
  // Before the decisions are measured: what others do to the machine then.
  const [busy = 0] = loadavg()
  const report = renderReport({ machine, traces, decisions: runDecisions(), busy: busy - OWN_LOAD })
  process.stdout.write(`${report}\n`)
  if (values.dry) return
  const folder = join(import.meta.dir, 'results')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${machine.date}.md`), `${report}\n`)
  say(`Written: bench/routing/results/${machine.date}.md`)
}

async function runTrace(name: string): Promise<TraceResult> {
  const trace = readTrace(readFileSync(traceFile(name), 'utf8'))
  const { description, accounts, requests } = trace
  say(`${name}: ${requests.length} requests`)
  const demand = requests.reduce((sum, request) => sum + workOf(request), 0)
  const optimum = await optimumOf(trace)
  const scores = new Map<StrategyName, Score>()
  for (const { name: strategy } of STRATEGIES) scores.set(strategy, await measure(trace, strategy))
  const loads = values['no-loads'] ? [] : await measureLoads(trace, demand / optimum.room)
  return {
    name,
    description,
    accounts: accounts.length,
    requests: requests.length,
    demand,
    optimum,
    greedy: serveGreedily(trace, soonestEnd),
    scores,
    loads,
  }
}

function runDecisions(): readonly DecisionCost[] {
  return values['no-decisions'] ? [] : measureDecisions({ rounds: 15, roundMs: 15, warmUpMs: 60 }, say)
}

function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`)
}

if (values.help) process.stdout.write(`${USAGE}\n`)
else await main()
