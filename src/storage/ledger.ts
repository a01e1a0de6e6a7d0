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
import { type Database, DatabaseError, type Statement, textOf, type Value } from './database.ts'
import type { Journal } from './journal.ts'
import { fromValues, insertOf, valuesOf } from './ledger-rows.ts'
import { totalsOf } from './totals.ts'
import type { WriteBehind } from './write-behind.ts'

export interface ClosableLedger extends Ledger, WriteBehind {
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

/** Writes until nothing waits or the database refuses; one at a time, whoever asks. */
async function flushAll(state: State): Promise<void> {
  while (state.flushing !== undefined) await state.flushing
  if (state.rows.length === 0 && state.deferred.size === 0) return
  state.flushing = writeBatches(state)
  await state.flushing
  state.flushing = undefined
  const isLeft = state.rows.length > 0 || state.deferred.size > 0
  if (isLeft) schedule(state, BATCH_MS)
}

async function writeBatches(state: State): Promise<void> {
  while (state.rows.length > 0 || state.deferred.size > 0) {
    const rows = state.rows.slice(0, MOST_IN_BATCH)
    const { deferred } = state
    state.deferred = new Map()
    const error = await tryWrite(state, rows, [...deferred.values()])
    if (error === undefined || !isAway(error)) {
      if (error !== undefined) await writeSingly(state, rows, [...deferred.values()])
      state.rows = state.rows.slice(rows.length)
      succeeded(state)
      continue
    }
    for (const [key, make] of deferred) if (!state.deferred.has(key)) state.deferred.set(key, make)
    return failed(state, error)
  }
  if (state.hasSpilled) await recover(state)
  else if (state.journal.bytes > CLEAR_ABOVE_BYTES) state.journal.clear()
}

async function tryWrite(
  state: State,
  rows: readonly Entry[],
  others: readonly (() => Statement)[],
): Promise<unknown> {
  try {
    await write(
      state,
      rows,
      others.map((make) => make()),
    )
    return undefined
  } catch (error) {
    return error
  }
}

/** The database is not there for anybody, as opposed to: it does not want this very batch. */
const isAway = (error: unknown): boolean =>
  error instanceof DatabaseError && error.problem !== 'other' && error.problem !== 'conflict'

/** Something in a batch cannot be stored. That one thing is given up and named, the rest is not. */
async function writeSingly(
  state: State,
  rows: readonly Entry[],
  others: readonly (() => Statement)[],
): Promise<void> {
  for (const entry of await unwritten(state.database, rows)) {
    const error = await tryWrite(state, [entry], [])
    if (error === undefined) continue
    state.lost++
    state.log.error('A ledger row could not be stored and is given up.', error, { request: entry.row.id })
  }
  for (const other of others) {
    const error = await tryWrite(state, [], [other])
    if (error !== undefined) state.log.error('A change of state could not be stored and is given up.', error)
  }
}

/** Rows and totals in one commit: a total can never disagree with the rows it counts. */
async function write(state: State, rows: readonly Entry[], others: readonly Statement[]): Promise<void> {
  const fresh = state.problem === undefined ? rows : await unwritten(state.database, rows)
  await state.database.commit(
    [...fresh.map(({ values }) => insertOf(values)), ...totalsOf(fresh.map(({ row }) => row)), ...others],
    'normal',
  )
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
  state.problem = `The database does not take rows: ${messageOf(error)}`
  state.pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, state.pauseMs * 2))
}

/** After a crash, or after a commit whose answer was lost, some rows may be in already. */
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

/** From the file to the database; lines that come meanwhile are taken in another round. */
async function recover(state: State): Promise<number> {
  let brought = 0
  for (;;) {
    const { bytes } = state.journal
    const rows = state.journal.read().flatMap(parseLine)
    for (let at = 0; at < rows.length; at += MOST_IN_BATCH) {
      const fresh = await unwritten(state.database, rows.slice(at, at + MOST_IN_BATCH))
      await state.database.commit(
        [...fresh.map(({ values }) => insertOf(values)), ...totalsOf(fresh.map(({ row }) => row))],
        'normal',
      )
      brought += fresh.length
    }
    if (state.journal.bytes !== bytes) continue
    state.hasSpilled = false
    state.journal.clear()
    return brought
  }
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
