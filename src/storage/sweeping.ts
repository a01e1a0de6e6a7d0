/**
 * Deleting much, in steps so small that nothing is held up by them: as many rows at once as
 * take some milliseconds, and pauses between. Knows tables by what it is told.
 */
import { type Statement, statement, type Value } from './database.ts'
import type { Upkeep } from './upkeep.ts'

/** What a step may take: as long the database is held, and a commit waits. */
const LONGEST_STEP_MS = 5
const SHORTEST_STEP_MS = 2
const FIRST_STEP_ROWS = 100
const MOST_STEP_ROWS = 2_000
const LEAST_PAUSE_MS = 2
/** What is done in the background may take a quarter of a processor. */
const PAUSE_FACTOR = 3

export interface Sweep {
  readonly table: string
  readonly key: string
  /** The rows that go, as the end of "select <key> from <table> …"; its order says which go first. */
  readonly which: string
  readonly values: readonly Value[]
}

/** Until nothing of it is left, or `isOver` says so; how many rows went. Throws DatabaseError. */
export async function sweepAway(upkeep: Upkeep, sweep: Sweep, isOver: () => boolean): Promise<number> {
  let rows = FIRST_STEP_ROWS
  let gone = 0
  while (!isOver()) {
    const { changed, ms } = await upkeep.sweep(stepOf(sweep, rows))
    gone += changed
    if (changed < rows) break
    rows = nextRows(rows, ms)
    await Bun.sleep(Math.max(LEAST_PAUSE_MS, PAUSE_FACTOR * ms))
  }
  return gone
}

function stepOf({ table, key, which, values }: Sweep, rows: number): Statement {
  const text = `delete from ${table} where ${key} in (select ${key} from ${table} ${which} limit $${values.length + 1})`
  return statement(text, ...values, rows)
}

function nextRows(rows: number, ms: number): number {
  if (ms > LONGEST_STEP_MS) return Math.max(1, Math.floor(rows / 2))
  return ms < SHORTEST_STEP_MS ? Math.min(MOST_STEP_ROWS, rows * 2) : rows
}
