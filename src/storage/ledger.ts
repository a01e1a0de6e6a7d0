/**
 * The ledger: rows are safe in the journal when `append` returns, and reach the database in
 * batches together with the accounts' totals (one commit) and with whatever else was
 * deferred. A database that does not answer costs nothing but the queue: rows wait in the
 * journal, and the status says so (G6).
 */

import { messageOf } from '../core/error.ts'
import type { LedgerRow } from '../core/ledger.ts'
import type { Log } from '../core/ports/log.ts'
import type { Ledger } from '../core/ports/stores.ts'
import { type Database, isRefusal, type Statement, textOf, type Value } from './database.ts'
import type { Journal } from './journal.ts'
import { keyUsageOf } from './key-usage.ts'
import { fromValues, insertOf, valuesOf } from './ledger-rows.ts'
import { totalsOf } from './totals.ts'
import type { WriteBehind } from './write-behind.ts'

export interface ClosableLedger extends Ledger, WriteBehind {
  /** Adds rows of another program's history, those that are not there yet; how many they were. Throws DatabaseError. */
  addOld(rows: readonly LedgerRow[]): Promise<number>
  /** Brings in what an earlier process left in the journal. */
  recover(): Promise<number>
  /** Writes what can be written and stops. */
  close(): Promise<void>
}

export interface LedgerOptions {
  readonly database: Database
  readonly journal: Journal
  readonly log: Log
  readonly batchMs?: number
}

const BATCH_MS = 50
const MOST_IN_BATCH = 500
/** Rows kept in memory while the database is away; those beyond are in the journal only, until it is back. */
const MOST_IN_MEMORY = 5_000
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 15_000
const CLEAR_ABOVE_BYTES = 256 << 10
/** How much of the journal is read back at once: no stream waits for the rest of it. */
const PIECE_BYTES = 512 << 10

/** A row, and its values as they are written: made once, for the journal and for the database. */
interface Entry {
  readonly row: LedgerRow
  readonly values: readonly Value[]
}

interface State extends LedgerOptions {
  rows: Entry[]
  deferred: Map<string, () => Statement>
  /** Some rows are in the journal only. */
  hasSpilled: boolean
  /** How many of them may be in the database already: a commit's answer was lost, or the journal was read back. */
  inDoubt: number
  lost: number
  problem: string | undefined
  pauseMs: number
  timer: ReturnType<typeof setTimeout> | undefined
  flushing: Promise<void> | undefined
}

export function createLedger(options: LedgerOptions): ClosableLedger {
  const state: State = {
    ...options,
    rows: [],
    deferred: new Map(),
    hasSpilled: false,
    inDoubt: 0,
    lost: 0,
    problem: undefined,
    pauseMs: 0,
    timer: undefined,
    flushing: undefined,
  }
  const wait = options.batchMs ?? BATCH_MS
  return {
    append(row) {
      append(state, row)
      schedule(state, wait)
    },
    defer(key, make) {
      state.deferred.set(key, make)
      schedule(state, wait)
    },
    hurry(key, make) {
      state.deferred.set(key, make)
      if (state.pauseMs === 0) reschedule(state, 0)
    },
    settled: () => flushAll(state),
    status: () => ({
      waiting: state.rows.length,
      lost: state.lost,
      problem: state.problem ?? state.journal.problem,
    }),
    recover: () => recover(state),
    addOld: async (rows) =>
      store(
        state,
        await unwritten(
          state.database,
          rows.map((row) => ({ row, values: valuesOf(row) })),
        ),
        [],
      ),
    async close() {
      clearTimeout(state.timer)
      await flushAll(state)
      clearTimeout(state.timer)
      if (state.rows.length === 0 && !state.hasSpilled) state.journal.clear()
      state.journal.close()
    },
  }
}

function append(state: State, row: LedgerRow): void {
  const values = valuesOf(row)
  const isSafe = state.journal.append(JSON.stringify(values))
  if (state.rows.length < MOST_IN_MEMORY) {
    state.rows.push({ row, values })
    return
  }
  if (isSafe) state.hasSpilled = true
  else state.lost++
}

function schedule(state: State, ms: number): void {
  if (state.timer === undefined && state.flushing === undefined)
    reschedule(state, Math.max(ms, state.pauseMs))
}

function reschedule(state: State, ms: number): void {
  clearTimeout(state.timer)
  state.timer = setTimeout(() => {
    state.timer = undefined
    void flushAll(state)
  }, ms)
}

const isWaiting = ({ rows, deferred, hasSpilled }: State): boolean =>
  rows.length > 0 || deferred.size > 0 || hasSpilled

/** Writes until nothing waits or the database is away; one at a time, whoever asks. Never throws. */
async function flushAll(state: State): Promise<void> {
  while (state.flushing !== undefined) await state.flushing
  if (!isWaiting(state)) return
  state.flushing = writeAll(state)
  await state.flushing
  state.flushing = undefined
  if (isWaiting(state)) schedule(state, BATCH_MS)
}

async function writeAll(state: State): Promise<void> {
  try {
    while (isWaiting(state)) {
      await (state.hasSpilled ? recover(state) : writeBatch(state))
      succeeded(state)
    }
    const { journal } = state
    if (journal.bytes > CLEAR_ABOVE_BYTES || journal.problem !== undefined) journal.clear()
  } catch (error) {
    failed(state, error)
  }
}

/** When the database is away, everything waits on as it was. */
async function writeBatch(state: State): Promise<void> {
  const rows = state.rows.slice(0, MOST_IN_BATCH)
  const { deferred } = state
  state.deferred = new Map()
  try {
    const fresh = state.inDoubt > 0 ? await unwritten(state.database, rows) : rows
    await store(state, fresh, [...deferred.values()])
  } catch (error) {
    for (const [key, make] of deferred) if (!state.deferred.has(key)) state.deferred.set(key, make)
    throw error
  }
  state.rows = state.rows.slice(rows.length)
  state.inDoubt = Math.max(0, state.inDoubt - rows.length)
}

/**
 * Rows and totals in one commit: a total can never disagree with the rows it counts. Returns
 * how many rows the database took.
 */
async function store(
  state: State,
  rows: readonly Entry[],
  others: readonly (() => Statement)[],
): Promise<number> {
  const inserts = rows.map(({ values }) => insertOf(values))
  const sums = sumsOf(rows.map(({ row }) => row))
  try {
    await state.database.commit([...inserts, ...sums, ...others.map((make) => make())], 'normal')
    return rows.length
  } catch (error) {
    if (!isRefusal(error)) throw error
    return storeSingly(state, rows, others)
  }
}

/** What rows add to the sums that are kept beside them. */
const sumsOf = (rows: readonly LedgerRow[]): readonly Statement[] => [...totalsOf(rows), ...keyUsageOf(rows)]

/** Something in a batch cannot be stored. That one thing is given up and named, the rest is not. */
async function storeSingly(
  state: State,
  rows: readonly Entry[],
  others: readonly (() => Statement)[],
): Promise<number> {
  const bad: { readonly entry: Entry; readonly error: unknown }[] = []
  const badOthers: unknown[] = []
  const fresh = await unwritten(state.database, rows)
  for (const entry of fresh) {
    const error = await refusalOf(state.database, [insertOf(entry.values), ...sumsOf([entry.row])])
    if (error !== undefined) bad.push({ entry, error })
  }
  for (const make of others) {
    const error = await refusalOf(state.database, [make()])
    if (error !== undefined) badOthers.push(error)
  }
  // Only now: a database that goes away in between leaves everything to be done again.
  state.lost += bad.length
  for (const { entry, error } of bad)
    state.log.error('A ledger row could not be stored and is given up.', error, { request: entry.row.id })
  for (const error of badOthers)
    state.log.error('A change of state could not be stored and is given up.', error)
  return fresh.length - bad.length
}

/** Why the database will never take these statements; undefined when it has. Throws when it is away. */
async function refusalOf(database: Database, statements: readonly Statement[]): Promise<unknown> {
  try {
    await database.commit(statements, 'normal')
    return undefined
  } catch (error) {
    if (isRefusal(error)) return error
    throw error
  }
}

function succeeded(state: State): void {
  if (state.problem !== undefined) state.log.info('The database takes rows again.')
  state.problem = undefined
  state.pauseMs = 0
}

function failed(state: State, error: unknown): void {
  if (state.problem === undefined) {
    state.log.error('The database does not take rows; they wait in the journal.', error)
  }
  state.inDoubt = state.rows.length
  state.problem = `The database does not take rows: ${messageOf(error)}`
  state.pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, state.pauseMs * 2))
}

async function unwritten(database: Database, rows: readonly Entry[]): Promise<readonly Entry[]> {
  if (rows.length === 0) return rows
  const places = rows.map((_, index) => `$${index + 1}`).join(', ')
  const known = await database.load(
    `select id from requests where id in (${places})`,
    rows.map(({ row }) => row.id),
  )
  const ids = new Set(known.map((row) => textOf(row, 'id')))
  return rows.filter(({ row }) => !ids.has(row.id))
}

/** From the file to the database, piece by piece, up to its end, wherever that is by then. */
async function recover(state: State): Promise<number> {
  let brought = 0
  let end = 0
  while (end < state.journal.bytes) {
    const piece = state.journal.read(end, PIECE_BYTES)
    if (piece.end === end) break
    const rows = piece.lines.flatMap(parseLine)
    for (let at = 0; at < rows.length; at += MOST_IN_BATCH) {
      const fresh = await unwritten(state.database, rows.slice(at, at + MOST_IN_BATCH))
      brought += await store(state, fresh, [])
    }
    end = piece.end
  }
  state.inDoubt = state.rows.length
  state.hasSpilled = false
  state.journal.clear()
  return brought
}

/** The process wrote these lines itself; one that it did not finish says nothing. */
function parseLine(line: string): readonly Entry[] {
  try {
    const values: readonly Value[] = JSON.parse(line)
    const row = fromValues(values)
    return row === undefined ? [] : [{ row, values }]
  } catch {
    return []
  }
}
