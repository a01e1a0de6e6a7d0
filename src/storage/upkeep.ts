/**
 * The port to what keeps a database in order: work that may take minutes and holds up neither
 * streams nor reads. Types only; what is done when is decided elsewhere.
 */
import type { Statement } from './database.ts'

export interface Upkeep {
  /** One change of many rows that nobody waits for; a commit that comes meanwhile goes first or waits for milliseconds. Throws DatabaseError. */
  sweep(statement: Statement): Promise<Swept>
  /** How large it is, without counting through it. */
  measure(): Promise<Measures>
  /** Gives a few free pages back to the disk; how many bytes are free after that. */
  shrink(): Promise<number>
  /** A whole and checked copy in a new file, of one moment, while writes go on. Throws GatewayError. */
  backup(file: string): Promise<Backup>
  /** Writes the database anew without its gaps. Meanwhile it takes no commit. Throws GatewayError. */
  compact(): Promise<void>
  /** Has it look again how its rows are distributed, for better plans. */
  analyze(): Promise<void>
}

export interface Swept {
  readonly changed: number
  readonly ms: number
}

export interface Measures {
  readonly bytes: number
  /** Of it what holds nothing. */
  readonly freeBytes: number
  /** What was written and is not in the main file yet. */
  readonly logBytes: number
  readonly tables: readonly TableMeasures[]
}

export interface TableMeasures {
  readonly name: string
  /** About; undefined where only counting could tell. */
  readonly rows: number | undefined
}

export interface Backup {
  readonly file: string
  readonly bytes: number
}
