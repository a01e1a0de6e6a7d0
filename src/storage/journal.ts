/**
 * The ledger's journal: rows as lines in a file, each written with one system call before
 * its answer's last byte leaves. A killed process loses nothing that was written; the rows
 * go on to the database from here or, after a crash, from the file. Knows lines, not rows.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { messageOf } from '../core/error.ts'

export interface Journal {
  /** False when the file could not take the line (then nothing of it counts). */
  append(line: string): boolean
  /** The whole lines from a place on, about `most` bytes of them; a torn last one is left out. */
  read(from: number, most: number): Piece
  /** All lines are safe elsewhere. After a problem it is tried whether lines are taken again. */
  clear(): void
  readonly bytes: number
  /** Why the last line was not taken; undefined when it was. */
  readonly problem: string | undefined
  close(): void
}

export interface Piece {
  readonly lines: readonly string[]
  /** Where the next piece begins; the same place when nothing whole came after it. */
  readonly end: number
}

/** What a gateway without a database may pile up at most. */
const MOST_BYTES = 256 << 20
const LINE_FEED = 0x0a

export function openJournal(file: string): Journal {
  const descriptor = openSync(file, 'a+', 0o600)
  let bytes = fstatSync(descriptor).size
  let problem: string | undefined

  const append = (line: string): boolean => {
    if (bytes + line.length > MOST_BYTES) {
      problem = `The journal ${file} is full (${MOST_BYTES >> 20} MB).`
      return false
    }
    const text = `${line}\n`
    try {
      const isWhole = writeSync(descriptor, text) === Buffer.byteLength(text)
      if (isWhole) bytes += Buffer.byteLength(text)
      else ftruncateSync(descriptor, bytes)
      problem = isWhole ? undefined : `The journal ${file} could not be written: the disk is full.`
    } catch (error) {
      problem = `The journal ${file} could not be written: ${messageOf(error)}.`
    }
    return problem === undefined
  }
  return {
    append,
    read: (from, most) => readPiece(descriptor, from, most),
    clear() {
      ftruncateSync(descriptor, 0)
      bytes = 0
      if (problem === undefined || !append('')) return
      ftruncateSync(descriptor, 0)
      bytes = 0
    },
    get bytes() {
      return bytes
    },
    get problem() {
      return problem
    },
    close: () => closeSync(descriptor),
  }
}

/** A line that is longer than a piece is read in a larger one. */
function readPiece(descriptor: number, from: number, most: number): Piece {
  const buffer = Buffer.allocUnsafe(most)
  const found = buffer.subarray(0, readSync(descriptor, buffer, 0, most, from))
  const length = found.lastIndexOf(LINE_FEED) + 1
  if (found.length === most && length === 0) return readPiece(descriptor, from, most * 2)
  const lines = found.toString('utf8', 0, length).split('\n')
  return { lines: lines.filter((line) => line !== ''), end: from + length }
}
