/** The report of `npm run bench:ledger`, as Markdown. Pure. */
import type { Machine } from '../machine.ts'
import { toSpread } from '../statistics.ts'
import { table } from '../table.ts'
import type { Filled } from './fill.ts'
import type { Measured } from './measure.ts'

export interface Run {
  readonly machine: Machine
  readonly filled: Filled
  readonly measured: Measured
  /** The machine's load average at the end. */
  readonly busy: number
}

const MOST_ANSWER_MS = 50
const MOST_START_MS = 500
const MOST_MOVE_MS = 1

export function renderReport({ machine, filled, measured, busy }: Run): string {
  const { date, commit, cpu, cores, memoryGb, kernel, bun } = machine
  const moves = measured.askedP99Ms.map((asked, round) => asked - (measured.quietP99Ms[round] ?? asked))
  const verdict = (value: number, goal: number): string => (value <= goal ? 'pass' : 'short')
  const start = medianOf(measured.startMs)
  return [
    `# A ledger of ${filled.rows.toLocaleString('en')} rows, ${date}`,
    `Commit ${commit}. ${cores} cores of ${cpu}, ${memoryGb} GB, ${kernel}. Bun ${bun}. Load average at the end ${busy.toFixed(1)}.`,
    `The database has ${(filled.bytes / 1e9).toFixed(1)} GB. ${500} requests a second are served while the questions are asked, one after the other with pauses of 50 ms.`,
    table([
      ['question', 'p50, ms', 'p95, ms', 'goal', '', 'answers'],
      ...[...measured.answersMs].map(([name, times]) => {
        const p95 = shareOf(times, 0.95)
        return [
          ...[name, shareOf(times, 0.5).toFixed(1), p95.toFixed(1), `≤ ${MOST_ANSWER_MS}`],
          ...[verdict(p95, MOST_ANSWER_MS), String(times.length)],
        ]
      }),
    ]),
    table([
      ['requests, 500 a second', 'without questions', 'with questions', 'moves by', 'goal', ''],
      ['p50, ms', shown(measured.quietP50Ms), shown(measured.askedP50Ms), '', '', ''],
      [
        ...['p99, ms', shown(measured.quietP99Ms), shown(measured.askedP99Ms), shown(moves)],
        ...[`≤ ${MOST_MOVE_MS}`, moveVerdict(measured.quietP99Ms, moves)],
      ],
    ]),
    table([
      ['', 'value', 'goal', ''],
      [
        'start to first connection, ms',
        shown(measured.startMs, 0),
        `≤ ${MOST_START_MS}`,
        verdict(start, MOST_START_MS),
      ],
      ['failed requests', String(measured.failed), '0', verdict(measured.failed, 0)],
      ['rows written, s', filled.insertSeconds.toFixed(0), '', ''],
      ['first start after the update (indexes), s', filled.migrateSeconds.toFixed(0), '', ''],
      ['history of old rows, without pauses, s', filled.historySeconds.toFixed(0), '', ''],
    ]),
    'Values are the median over the rounds (least–most).',
  ].join('\n\n')
}

/** Where rounds without questions differ by more than questions may cost, nothing can be told. */
function moveVerdict(quiet: readonly number[], moves: readonly number[]): string {
  if (Math.max(...quiet) - Math.min(...quiet) > MOST_MOVE_MS) return 'cannot be told'
  return medianOf(moves) <= MOST_MOVE_MS ? 'pass' : 'short'
}

const medianOf = (values: readonly number[]): number => toSpread(values)?.median ?? 0

const shareOf = (values: readonly number[], share: number): number =>
  values.toSorted((one, other) => one - other)[
    Math.min(values.length - 1, Math.floor(share * values.length))
  ] ?? 0

function shown(values: readonly number[], digits = 2): string {
  const spread = toSpread(values)
  if (spread === undefined) return ''
  return `${spread.median.toFixed(digits)} (${spread.least.toFixed(digits)}–${spread.most.toFixed(digits)})`
}
