/**
 * Raw records into rows of numbers: medians over the rounds that count, what was added over
 * direct in the same round, ratios within the same round, and the goals. Pure; must not
 * know how a table looks.
 */
import { SIZE_NAMES } from './bodies.ts'
import type { MemoryReading } from './procfs.ts'
import type { BodySize } from './protocol.ts'
import type { LoadRecord, Run, StartName } from './records.ts'
import { type LoadName, OPEN_STREAMS, STREAM_BODIES } from './scenarios.ts'
import { type Spread, toSpread } from './statistics.ts'
import type { TargetName } from './targets.ts'

export interface Row {
  readonly what: string
  readonly values: Readonly<Partial<Record<TargetName, Measured>>>
  /** All but the value of `direct` are what comes on top of it. */
  readonly isAdded?: boolean
  /** Spillway's value over that of another proxy. */
  readonly ratios?: Readonly<Partial<Record<TargetName, Measured>>>
  readonly goal?: Goal
  readonly digits: number
}

export interface Measured extends Spread {
  /** No round counted, so all of them were taken. */
  readonly isDoubtful: boolean
}

export interface Goal {
  readonly of: 'value' | 'ratio'
  readonly most: number
}

/** One number of one round. */
interface Sample {
  readonly round: number
  readonly value: number
  readonly counts: boolean
}

type Samples = Readonly<Partial<Record<TargetName, readonly Sample[]>>>

const PROXIES: readonly TargetName[] = ['spillway', 'nginx', 'haproxy']
const SIZES: readonly BodySize[] = ['small', 'medium', 'large']
const CPU_GOALS: Readonly<Partial<Record<BodySize, Goal>>> = {
  small: { of: 'ratio', most: 3 },
  large: { of: 'ratio', most: 2.5 },
}

export function cpuRows({ loads }: Run): readonly Row[] {
  const perUnit = (scenario: LoadName, units: (record: LoadRecord) => number): Samples =>
    samplesOf(loads, scenario, (record) =>
      record.cpu === undefined ? undefined : (record.cpu.ms * 1_000) / units(record),
    )
  return [
    ...SIZES.map((size) =>
      comparedRow(
        `CPU per request, ${SIZE_NAMES[size]}, µs`,
        perUnit(size, ({ result }) => result.answered),
        {
          digits: 1,
          goal: CPU_GOALS[size],
        },
      ),
    ),
    comparedRow(
      'CPU per SSE event, µs',
      perUnit('stream', ({ result }) => result.events),
      {
        digits: 1,
        goal: { of: 'ratio', most: 2.5 },
      },
    ),
  ].filter(hasValues)
}

export function latencyRows({ loads }: Run): readonly Row[] {
  const latencies = SIZES.flatMap((size) =>
    (['p50', 'p99'] as const).map((quantile) =>
      addedRow(
        `latency ${quantile}, ${SIZE_NAMES[size]}, ms`,
        samplesOf(loads, size, ({ result }) => result.latencyMs[quantile]),
        size === 'small' && quantile === 'p50' ? { of: 'value', most: 0.4 } : undefined,
      ),
    ),
  )
  const ttfts = (['p50', 'p99'] as const).map((quantile) =>
    addedRow(
      `TTFT ${quantile}, streams, ms`,
      samplesOf(loads, 'stream', ({ result }) => result.ttftMs?.[quantile]),
      quantile === 'p50' ? { of: 'value', most: 0.5 } : undefined,
    ),
  )
  return [...latencies, ...ttfts].filter(hasValues)
}

export function memoryRows({ memory, after }: Run): readonly Row[] {
  const open = STREAM_BODIES.flatMap((body) =>
    OPEN_STREAMS.map((streams): Row => {
      const records = memory.filter((record) => record.body === body && record.streams === streams)
      const goal: Goal | undefined =
        body === 'small' && streams === 500 ? { of: 'value', most: 120 } : undefined
      const samples = byTarget(records, ({ memory: { rssMb } }) => rssMb)
      return comparedRow(`RSS, ${streams} open streams of ${SIZE_NAMES[body]} requests, MB`, samples, {
        digits: 1,
        goal,
      })
    }),
  )
  const afterwards = (what: string, field: keyof MemoryReading): Row =>
    comparedRow(
      what,
      byTarget(
        after.map((record) => ({ ...record, round: 0 })),
        (record) => record.memory[field],
      ),
      {
        digits: 1,
      },
    )
  return [
    ...open,
    afterwards('RSS after all loads, idle, MB', 'rssMb'),
    afterwards('RSS at its highest under load, MB', 'peakMb'),
  ].filter(hasValues)
}

/** Milliseconds to the first accepted connection. */
export function startRow({ coldStarts }: Run, way: StartName): Measured | undefined {
  return measured(
    coldStarts
      .filter((record) => record.way === way)
      .map(({ round, ms }) => ({ round, value: ms, counts: true })),
  )
}

export const START_GOAL_MS = 300

export const launcherMb = ({ coldStarts }: Run): Spread | undefined =>
  toSpread(coldStarts.flatMap(({ launcherMb: megabytes }) => megabytes ?? []))

const hasValues = ({ values }: Row): boolean => Object.values(values).some((value) => value !== undefined)

function comparedRow(
  what: string,
  samples: Samples,
  { digits, goal }: { readonly digits: number; readonly goal?: Goal | undefined },
): Row {
  const ratios = PROXIES.slice(1).map((other) => [
    other,
    measured(paired(samples.spillway, samples[other], (own, theirs) => own / theirs)),
  ])
  return {
    what,
    values: mapped(samples, measured),
    ratios: Object.fromEntries(ratios),
    digits,
    ...(goal === undefined ? {} : { goal }),
  }
}

function addedRow(what: string, samples: Samples, goal: Goal | undefined): Row {
  const added = PROXIES.map((name) => [
    name,
    measured(paired(samples[name], samples.direct, (own, direct) => own - direct)),
  ])
  const direct = measured(samples.direct ?? [])
  return {
    what,
    values: { ...Object.fromEntries(added), direct },
    isAdded: true,
    digits: 2,
    ...(goal === undefined ? {} : { goal }),
  }
}

function samplesOf(
  loads: readonly LoadRecord[],
  scenario: LoadName,
  read: (record: LoadRecord) => number | undefined,
): Samples {
  return byTarget(
    loads.filter((record) => record.scenario === scenario),
    read,
  )
}

interface AnyRecord {
  readonly round: number
  readonly target: TargetName
  readonly faults?: readonly string[]
}

function byTarget<Record extends AnyRecord>(
  records: readonly Record[],
  read: (record: Record) => number | undefined,
): Samples {
  const samples = records.flatMap((record) => {
    const { round, target, faults = [] } = record
    const value = read(record)
    return value === undefined ? [] : [{ round, target, value, counts: faults.length === 0 }]
  })
  return Object.groupBy(samples, ({ target }) => target)
}

/** Two targets in the same round; the pair counts when both do. */
function paired(
  own: readonly Sample[] = [],
  others: readonly Sample[] = [],
  combine: (own: number, other: number) => number,
): readonly Sample[] {
  return own.flatMap(({ round, value, counts }) => {
    const other = others.find((sample) => sample.round === round)
    if (other === undefined) return []
    return [{ round, value: combine(value, other.value), counts: counts && other.counts }]
  })
}

function measured(samples: readonly Sample[]): Measured | undefined {
  const counting = samples.filter(({ counts }) => counts)
  const isDoubtful = counting.length === 0
  const spread = toSpread((isDoubtful ? samples : counting).map(({ value }) => value))
  return spread === undefined ? undefined : { ...spread, isDoubtful }
}

function mapped(
  samples: Samples,
  convert: (list: readonly Sample[]) => Measured | undefined,
): Partial<Record<TargetName, Measured>> {
  return Object.fromEntries(Object.entries(samples).map(([name, list]) => [name, convert(list)]))
}
