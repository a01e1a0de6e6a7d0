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
import type { Millis } from '../core/time.ts'
import { type Database, isRefusal, refusalOf, type Statement } from './database.ts'
import type { Journal } from './journal.ts'
import { commitRows } from './ledger-commit.ts'
import { type Entry, parseLine, unwritten } from './ledger-entries.ts'
import { valuesOf } from './ledger-rows.ts'
import { createRollups, type Rollups } from './rollups.ts'
import type { WriteBehind } from './write-behind.ts'

export interface ClosableLedger extends Ledger, WriteBehind {
  /** The history that is kept beside the rows, in their commits. */
  readonly rollups: Rollups
  /** Adds rows of another program's history, those that are not there yet; how many they were. Throws DatabaseError. */
  addOld(rows: readonly LedgerRow[]): Promise<number>
  /** Brings in what an earlier process left in the journal. */
  recover(): Promise<number>
  /** Brings some of the rows that were there before the history into it; false when there is none left. */
  bringInOld(): Promise<boolean>
  /** Forgets some of the history's finer sums that are past their time; false when there is none left. */
  trimHistory(now: Millis): Promise<boolean>
  /** Writes what can be written and stops. */
  close(): Promise<void>
}

export interface LedgerOptions {
  readonly database: Database
  readonly journal: Journal
  readonly log: Log
  readonly batchMs?: number
  /** Of the history's portions; smaller ones are for tests. */
  readonly portionShare?: number
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

interface State extends LedgerOptions {
  readonly rollups: Rollups
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
  /** Whoever writes rows or history; one at a time. */
  writing: Promise<void> | undefined
}

export function createLedger(options: LedgerOptions): ClosableLedger {
  const state: State = {
    ...options,
    rollups: createRollups(options.database, options.portionShare),
    rows: [],
    deferred: new Map(),
    hasSpilled: false,
    inDoubt: 0,
    lost: 0,
    problem: undefined,
    pauseMs: 0,
    timer: undefined,
    writing: undefined,
  }
  const wait = options.batchMs ?? BATCH_MS
  return {
    rollups: state.rollups,
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
    bringInOld: () => inTurn(state, () => bringInOld(state)),
    trimHistory: (now) => inTurn(state, () => state.rollups.trim(now)),
    addOld: (rows) => inTurn(state, () => addOld(state, rows)),
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
  if (state.timer === undefined && state.writing === undefined) reschedule(state, Math.max(ms, state.pauseMs))
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

/** Writes until nothing waits or the database is away. Never throws. */
async function flushAll(state: State): Promise<void> {
  while (state.writing !== undefined) await state.writing
  if (isWaiting(state)) await inTurn(state, () => writeAll(state))
}

/** One at a time, whoever writes. */
async function inTurn<T>(state: State, work: () => Promise<T>): Promise<T> {
  while (state.writing !== undefined) await state.writing
  const { promise, resolve } = Promise.withResolvers<void>()
  state.writing = promise
  try {
    return await work()
  } finally {
    state.writing = undefined
    resolve()
    if (isWaiting(state)) schedule(state, BATCH_MS)
  }
}

async function writeAll(state: State): Promise<void> {
  try {
    while (isWaiting(state)) {
      await (state.hasSpilled ? recover(state) : writeBatch(state))
      succeeded(state)
      await state.rollups.fold()
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
 * Rows, totals and history in one commit: none can ever disagree with the others. Returns how
 * many rows the database took.
 */
async function store(
  state: State,
  rows: readonly Entry[],
  others: readonly (() => Statement)[],
): Promise<number> {
  try {
    await commitRows(
      state,
      rows,
      others.map((make) => make()),
    )
    return rows.length
  } catch (error) {
    if (!isRefusal(error)) throw error
    return storeSingly(state, rows, others)
  }
}

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
    const error = await refusalOf(commitRows(state, [entry], []))
    if (error !== undefined) bad.push({ entry, error })
  }
  for (const make of others) {
    const error = await refusalOf(commitRows(state, [], [make()]))
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

/** Some may be there already. */
async function addOld(state: State, rows: readonly LedgerRow[]): Promise<number> {
  const entries = rows.map((row) => ({ row, values: valuesOf(row) }))
  const added = await store(state, await unwritten(state.database, entries), [])
  await state.rollups.fold()
  return added
}

async function bringInOld(state: State): Promise<boolean> {
  const isMore = await state.rollups.bringInOld()
  await state.rollups.fold()
  return isMore
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
