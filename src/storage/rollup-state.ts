/**
 * What there is of the history's tail and marks, in memory as in the database: what waits to be
 * added to cells, how far each cut has come, and how far old rows have been brought in.
 */
import type { LedgerRow } from '../core/ledger.ts'
import { CUTS, type Cut, type Fact, factOf, type Size } from '../core/rollup.ts'
import { type Millis, toMillis } from '../core/time.ts'
import { type Database, numberOf, type Statement, statement, textOf } from './database.ts'
import { readFacts, writeFacts } from './rollup-cells.ts'

interface Batch {
  readonly seq: number
  readonly facts: readonly Fact[]
}

/** The database's tail and marks, as they are in memory as well. */
export interface Known {
  tail: readonly Batch[]
  lastSeq: number
  /** The cut whose turn it was last. */
  turn: number
  /** Cut or size → how far it has come. */
  readonly marks: Map<string, number>
  /** Of the old rows: the last, and the last that was brought in. */
  old: { readonly to: string; readonly at: string } | undefined
}

export interface Taken {
  readonly statements: readonly Statement[]
  done(): void
}

export async function loadKnown(database: Database): Promise<Known> {
  const [tail, marks, [old]] = await Promise.all([
    database.load('select seq, facts_json from rollup_tail order by seq'),
    database.load('select name, value from rollup_marks'),
    database.load('select to_id, at_id from rollup_old'),
  ])
  const batches = tail.map((row) => ({
    seq: numberOf(row, 'seq'),
    facts: readFacts(textOf(row, 'facts_json')),
  }))
  const reached = new Map(marks.map((row) => [textOf(row, 'name'), numberOf(row, 'value')]))
  const last = Math.max(0, batches.at(-1)?.seq ?? 0, ...CUTS.map(({ name }) => reached.get(name) ?? 0))
  return {
    tail: batches,
    lastSeq: last,
    turn: 0,
    marks: reached,
    old: old === undefined ? undefined : { to: textOf(old, 'to_id'), at: textOf(old, 'at_id') },
  }
}

/** What has to be in the commit that stores these rows. */
export function take(state: Known, rows: readonly LedgerRow[]): Taken {
  return takeFacts(state, rows.filter((row) => isNew(row, state)).map(factOf))
}

/** Newer than all old rows, or older than those that have still to be brought in. */
const isNew = ({ id }: LedgerRow, { old }: Known): boolean => old === undefined || id > old.to || id <= old.at

export function takeFacts(state: Known, facts: readonly Fact[]): Taken {
  if (facts.length === 0) return NOTHING
  const seq = state.lastSeq + 1
  return {
    statements: [
      statement('insert into rollup_tail (seq, facts_json) values ($1, $2)', seq, writeFacts(facts)),
    ],
    done() {
      state.tail = [...state.tail, { seq, facts }]
      state.lastSeq = seq
    },
  }
}

const NOTHING: Taken = { statements: [], done: () => {} }

export const markOf = ({ marks }: Known, { name }: Cut): number => marks.get(name) ?? 0

export const waitingFor = (state: Known, cut: Cut): readonly Fact[] => {
  const mark = markOf(state, cut)
  return state.tail.flatMap(({ seq, facts }) => (seq > mark ? facts : []))
}

export const keptSince = ({ marks }: Known, size: Size): Millis | undefined => {
  const since = marks.get(keptMark(size))
  return since === undefined ? undefined : toMillis(since)
}

export const keptMark = (size: Size): string => `kept since, ${size} ms`

/** Sets how far a cut has come, or since when a size is kept. */
const MARK = `insert into rollup_marks (name, value) values ($1, $2)
  on conflict (name) do update set value = excluded.value`

export const setMark = (name: string, value: number): Statement => statement(MARK, name, value)
