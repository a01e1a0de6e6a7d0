/**
 * Measures one target under one load: what it cost in CPU, how late its answers were, and
 * whether the phase can be trusted at all.
 */
import type { Bench } from './bench.ts'
import { type CoreReading, cpuBetween, readCore, readCpu } from './procfs.ts'
import type { LoadResult } from './protocol.ts'
import type { LoadRecord } from './records.ts'
import { type LoadScenario, WARM_UP } from './scenarios.ts'
import { TARGETS, type Target } from './targets.ts'

/** What a proxy does after its last answer (rows on their way to the database) belongs to the requests. */
const SETTLE_MS = 300
/** Beyond these a phase is thrown away. */
const MOST_LATENESS_P99_MS = 1
const MOST_FOREIGN_SHARE = 0.05
const MOST_STOLEN_SHARE = 0.05

export async function warmUp(bench: Bench, target: Target): Promise<void> {
  for (const load of WARM_UP) {
    const { failed, firstFailure } = await bench.ask({ kind: 'warm', to: target.to, ...load })
    if (failed > 0)
      throw new Error(`${TARGETS[target.name].label} failed while it was warmed up: ${firstFailure}`)
  }
}

export async function measureLoad(
  bench: Bench,
  {
    target,
    scenario,
    round,
  }: { readonly target: Target; readonly scenario: LoadScenario; readonly round: number },
): Promise<LoadRecord> {
  const { leadSeconds, seconds, seed, proxyCore, loadCore } = bench.options
  const { name, body, stream, ratePerSecond, connections } = scenario
  const read = () => ({
    at: performance.now(),
    cpu: target.pid === undefined ? undefined : readCpu(target.pid),
    proxyCore: readCore(proxyCore),
    loadCore: readCore(loadCore),
  })
  const before = read()
  const result = await bench.ask({
    kind: 'load',
    to: target.to,
    body,
    stream,
    ratePerSecond,
    leadSeconds,
    seconds,
    connections,
    seed: seed * 1_000 + round,
  })
  await Bun.sleep(SETTLE_MS)
  const after = read()
  const wallMs = after.at - before.at
  const cpu =
    before.cpu === undefined || after.cpu === undefined ? undefined : cpuBetween(before.cpu, after.cpu)
  const busyMs = between(before.proxyCore, after.proxyCore, 'busyMs')
  const shares = {
    foreignShare: Math.max(0, busyMs - (cpu?.ms ?? 0)) / wallMs,
    stolenShare: between(before.proxyCore, after.proxyCore, 'stolenMs') / wallMs,
    loadCoreShare: between(before.loadCore, after.loadCore, 'busyMs') / wallMs,
  }
  return {
    round,
    target: target.name,
    scenario: name,
    result,
    wallMs,
    cpu,
    ...shares,
    faults: faultsOf(result, shares),
  }
}

const between = (before: CoreReading, after: CoreReading, field: keyof CoreReading): number =>
  after[field] - before[field]

function faultsOf(
  { failed, firstFailure, scheduled, answered, latenessMs }: LoadResult,
  { foreignShare, stolenShare }: Pick<LoadRecord, 'foreignShare' | 'stolenShare'>,
): readonly string[] {
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`
  return [
    ...(failed > 0 || answered < scheduled
      ? [`${scheduled - answered} requests failed: ${firstFailure}`]
      : []),
    ...(latenessMs.p99 > MOST_LATENESS_P99_MS
      ? [`the generator was late (p99 ${latenessMs.p99.toFixed(1)} ms)`]
      : []),
    ...(foreignShare > MOST_FOREIGN_SHARE
      ? [`others took ${percent(foreignShare)} of the proxies' core`]
      : []),
    ...(stolenShare > MOST_STOLEN_SHARE ? [`the hypervisor took ${percent(stolenShare)} of it`] : []),
  ]
}
