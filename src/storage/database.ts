/**
 * The port to a database: statements in, rows out, several statements all or nothing. One
 * SQL text for SQLite and PostgreSQL, values as `$1, $2, …` in the order of their first
 * use. No queries here, and no opinion on what to do when one fails.
 */
import { GatewayError } from '../core/error.ts'
import type { Upkeep } from './upkeep.ts'

export type Value = string | number | null

export interface Statement {
  readonly text: string
  readonly values: readonly Value[]
}

export type Row = Readonly<Record<string, unknown>>

/** `full` survives a power cut, `normal` a killed process. */
export type Durability = 'full' | 'normal'

export interface Database {
  readonly kind: 'sqlite' | 'postgres'
  /** Where it is, for people; no password. */
  readonly place: string
  /** For start-up and tests: reads at once, before anything could be held up by it. */
  load(text: string, values?: readonly Value[]): Promise<readonly Row[]>
  /** Reads without holding up a stream, however long it takes. Throws GatewayError where the data are damaged, else DatabaseError. */
  read(text: string, values?: readonly Value[]): Promise<readonly Row[]>
  /** All statements or none; returns the rows that each changed. Throws DatabaseError. */
  commit(statements: readonly Statement[], durability: Durability): Promise<readonly number[]>
  /** Looks whether the stored data is sound; findings in words, none if all is well. */
  check(): Promise<readonly string[]>
  readonly upkeep: Upkeep
  /** What is wrong with it as far as it was noticed, in sentences. */
  problems(): readonly string[]
  close(): Promise<void>
}

/**
 * `conflict` and `unfit` are about the values themselves and will be the same next time: what
 * is there already, and what no column can hold. `taken`: another gateway has it. The rest passes, or is for an operator.
 */
export type DatabaseProblem =
  | 'busy'
  | 'compacting'
  | 'full'
  | 'unreachable'
  | 'damaged'
  | 'taken'
  | 'conflict'
  | 'unfit'
  | 'other'

export class DatabaseError extends Error {
  readonly problem: DatabaseProblem

  constructor(problem: DatabaseProblem, message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'DatabaseError'
    this.problem = problem
  }
}

/** The database is well and does not want these very values. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof DatabaseError && (error.problem === 'conflict' || error.problem === 'unfit')

/** Why the database will never take this; undefined when it has. Throws when it is away. */
export async function refusalOf(commit: Promise<unknown>): Promise<unknown> {
  try {
    await commit
    return undefined
  } catch (error) {
    if (isRefusal(error)) return error
    throw error
  }
}

export const statement = (text: string, ...values: readonly Value[]): Statement => ({ text, values })

/** What a person who asked for a change is told when the database would not take it. */
export function toUserError(error: unknown, conflict: string): GatewayError {
  if (!(error instanceof DatabaseError))
    return new GatewayError('internal', 'Internal error.', { cause: error })
  switch (error.problem) {
    case 'conflict':
      return new GatewayError('conflict', conflict, { cause: error })
    case 'full':
      return new GatewayError('storage-full', 'The disk is full, so the change was not saved.', {
        cause: error,
      })
    case 'busy':
      return new GatewayError(
        'unavailable',
        'Another program holds the database; the change was not saved.',
        { cause: error },
      )
    case 'compacting':
      return new GatewayError(
        'unavailable',
        'The database is being compacted; the change was not saved. Try again when that is done.',
        { cause: error },
      )
    case 'unreachable':
      return new GatewayError('unavailable', 'The database cannot be reached; the change was not saved.', {
        cause: error,
      })
    case 'damaged':
    case 'taken':
    case 'unfit':
    case 'other':
      return new GatewayError('unavailable', `The change was not saved: ${error.message}`, { cause: error })
  }
}

/* PostgreSQL hands big integers over as text, and a column may be null: rows are parsed here. */

export const textOf = (row: Row, column: string): string => String(row[column] ?? '')

export function optionalText(row: Row, column: string): string | undefined {
  const value = row[column]
  return value === null || value === undefined ? undefined : String(value)
}

export const numberOf = (row: Row, column: string): number => Number(row[column] ?? 0)

export function optionalNumber(row: Row, column: string): number | undefined {
  const value = row[column]
  return value === null || value === undefined ? undefined : Number(value)
}

/** JSON that this program wrote itself; `fallback` where the column is empty. */
export function jsonOf<T>(row: Row, column: string, fallback: T): T {
  const text = optionalText(row, column)
  return text === undefined ? fallback : JSON.parse(text)
}
