/**
 * The report of a run, as Markdown that also reads well on a terminal: tables, goals, how the
 * run went and what it ran on. Must not compute what it shows.
 */
import type { Machine } from './machine.ts'
import { START_NAMES } from './measure-start.ts'
import type { LoadRecord, Run, StartName } from './records.ts'
import { LOADS, type LoadName, WARM_UP } from './scenarios.ts'
import { toSpread } from './statistics.ts'
import {
  cpuRows,
  type Goal,
  latencyRows,
  launcherMb,
  type Measured,
  memoryRows,
  type Row,
  START_GOAL_MS,
  startRow,
} from './summary.ts'
import { type Line, percent, table } from './table.ts'
import { TARGET_NAMES, TARGETS, type TargetName } from './targets.ts'

const STARTS: readonly StartName[] = ['launcher', 'bun', 'first']

export function renderReport(run: Run): string {
  const shown = TARGET_NAMES.filter((name) =>
    [...run.loads, ...run.memory].some(({ target }) => target === name),
  )
  return [
    `# Spillway's benchmark, ${run.machine.date}`,
    machineLines(run.machine),
    settingsLine(run),
    ...run.notes.map((note) => `**${note}**`),
    section('CPU time of the proxy', comparison(cpuRows(run), shown)),
    section('Latency: direct, and what each proxy adds to it', comparison(latencyRows(run), shown)),
    section('Memory', comparison(memoryRows(run), shown)),
    section('Start, to the first accepted connection', startTable(run)),
    section(
      'How the run went',
      conditions(
        run,
        shown.filter((name) => name !== 'direct'),
      ),
    ),
    'Values are the median over the rounds that count (least–most). Ratios and differences are taken within a ' +
      'round, then their median. A "?" marks a value of which no round counted.',
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

const section = (title: string, body: string): string => (body === '' ? '' : `## ${title}\n\n${body}`)

function machineLines({ commit, cpu, cores, memoryGb, kernel, bun, node, nginx, haproxy }: Machine): string {
  const versions = [
    `Bun ${bun}`,
    `Node ${node} (launcher only)`,
    ...(nginx === undefined ? [] : [`nginx ${nginx}`]),
    ...(haproxy === undefined ? [] : [`HAProxy ${haproxy}`]),
  ]
  return `Commit ${commit}. ${cores} cores of ${cpu}, ${memoryGb} GB, ${kernel}. ${versions.join(', ')}.`
}

function settingsLine({ settings: { rounds, seconds, leadSeconds, isPinned } }: Run): string {
  const warm = WARM_UP.map(
    ({ requests, body, stream }) =>
      `${requests.toLocaleString('en')} ${stream === undefined ? body : 'streamed'}`,
  )
  return (
    `${rounds} round${rounds === 1 ? '' : 's'} in shuffled order, ${seconds} s a phase after ${leadSeconds} s of lead-in, open loop with ` +
    `Poisson arrivals; ${isPinned ? 'each proxy on one core, upstream and generator on the other' : 'nothing pinned'}. ` +
    `Every target was warmed up with ${warm.join(', ')} requests.`
  )
}

function comparison(rows: readonly Row[], shown: readonly TargetName[]): string {
  if (rows.length === 0) return ''
  const others = rows.some(({ ratios }) => ratios !== undefined)
    ? shown.filter((name) => name === 'nginx' || name === 'haproxy')
    : []
  const columns = shown.filter((name) => rows.some(({ values }) => values[name] !== undefined))
  const head = [
    '',
    ...columns.map((name) => TARGETS[name].label),
    ...others.map((name) => `÷ ${TARGETS[name].label}`),
    'goal',
    '',
  ]
  return table([head, ...rows.map((row) => rowLine(row, columns, others))])
}

function rowLine(row: Row, columns: readonly TargetName[], others: readonly TargetName[]): Line {
  const { what, values, ratios, goal, digits, isAdded } = row
  return [
    what,
    ...columns.map((name) => cell(values[name], digits, isAdded === true && name !== 'direct')),
    ...others.map((name) => cell(ratios?.[name], 2, false)),
    ...goalCells(goal, goal?.of === 'ratio' ? ratios?.nginx : values.spillway, isAdded === true),
  ]
}

function goalCells(goal: Goal | undefined, value: Measured | undefined, isAdded: boolean): Line {
  if (goal === undefined) return ['', '']
  const wanted = goal.of === 'ratio' ? `≤ ${goal.most}× nginx` : `≤ ${isAdded ? '+' : ''}${goal.most}`
  return [wanted, verdict(value, goal.most)]
}

function verdict(value: Measured | undefined, most: number): string {
  if (value === undefined) return 'not measured'
  return `${value.median <= most ? 'pass' : 'short'}${value.isDoubtful ? '?' : ''}`
}

function cell(value: Measured | undefined, digits: number, isAdded: boolean): string {
  if (value === undefined) return ''
  const text = (number: number): string => `${isAdded && number >= 0 ? '+' : ''}${number.toFixed(digits)}`
  const range = value.count > 1 ? ` (${text(value.least)}–${text(value.most)})` : ''
  return `${text(value.median)}${range}${value.isDoubtful ? ' ?' : ''}`
}

function startTable(run: Run): string {
  if (run.coldStarts.length === 0) return ''
  const lines = STARTS.map((way): Line => {
    const value = startRow(run, way)
    const goal = way === 'first' ? ['', ''] : [`≤ ${START_GOAL_MS}`, verdict(value, START_GOAL_MS)]
    return [`${START_NAMES[way]}, ms`, cell(value, 0, false), ...goal]
  })
  const launcher = launcherMb(run)
  const words = `The launcher (Node) stays in front of Bun with ${launcher?.median.toFixed(0)} MB resident, not counted above.`
  return `${table([['', 'Spillway', 'goal', ''], ...lines])}${launcher === undefined ? '' : `\n\n${words}`}`
}

function conditions({ loads }: Run, proxies: readonly TargetName[]): string {
  const lines = LOADS.flatMap(({ name, ratePerSecond }) => {
    const records = loads.filter(({ scenario }) => scenario === name)
    return records.length === 0 ? [] : [conditionLine(name, ratePerSecond, { records, proxies })]
  })
  if (lines.length === 0) return ''
  const head = [
    '',
    'rate/s',
    'sent/s',
    'lateness p99, ms',
    'load core busy',
    ...proxies.map((name) => `${TARGETS[name].label} busy`),
    'CPU clocks differ',
    'thrown away',
  ]
  const faults = loads.flatMap(({ round, scenario, target, faults: reasons }) =>
    reasons.length === 0
      ? []
      : [`- round ${round}, ${scenario} through ${TARGETS[target].label}: ${reasons.join('; ')}`],
  )
  const crowded = LOADS.filter(({ name }) => busyShare(loads, name, 'spillway') > MOST_BUSY_SHARE)
  return [
    table([head, ...lines]),
    ...crowded.map(
      ({ name }) =>
        `**Spillway was close to its limit under "${name}": its latencies are those of a queue.**`,
    ),
    ...(faults.length === 0 ? [] : [`Thrown away:\n\n${faults.join('\n')}`]),
  ].join('\n\n')
}

interface ConditionParts {
  readonly records: readonly LoadRecord[]
  readonly proxies: readonly TargetName[]
}

function conditionLine(name: LoadName, rate: number, { records, proxies }: ConditionParts): Line {
  const differences = records.flatMap(({ cpu }) =>
    cpu === undefined ? [] : [Math.abs(cpu.ticksMs / cpu.ms - 1)],
  )
  return [
    name,
    String(rate),
    median(records.map(({ result }) => result.sentPerSecond)).toFixed(0),
    median(records.map(({ result }) => result.latenessMs.p99)).toFixed(2),
    percent(median(records.map(({ loadCoreShare }) => loadCoreShare))),
    ...proxies.map((proxy) => percent(busyShare(records, name, proxy))),
    percent(Math.max(0, ...differences)),
    `${records.filter(({ faults }) => faults.length > 0).length} of ${records.length}`,
  ]
}

const MOST_BUSY_SHARE = 0.6

/** Of its core, while the load ran. */
function busyShare(loads: readonly LoadRecord[], load: LoadName, target: TargetName): number {
  const records = loads.filter((record) => record.scenario === load && record.target === target)
  return median(records.map(({ cpu, wallMs }) => (cpu?.ms ?? 0) / wallMs))
}

const median = (values: readonly number[]): number => toSpread(values)?.median ?? 0
