/**
 * The ledger's journal: rows as lines in a file, each written with one system call before
 * its answer's last byte leaves. A killed process loses nothing that was written; the rows
 * go on to the database from here or, after a crash, from the file. Knows lines, not rows.
 */
import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'

export interface Journal {
  /** False when the file could not take the line (then nothing of it counts). */
  append(line: string): boolean
  /** Every whole line, oldest first; a torn last one is left out. */
  read(): readonly string[]
  /** All lines are safe elsewhere. */
  clear(): void
  readonly bytes: number
  /** Why the last line was not taken; undefined when it was. */
  readonly problem: string | undefined
  close(): void
}

/** What a gateway without a database may pile up at most. */
const MOST_BYTES = 256 << 20

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
      problem = `The journal ${file} could not be written: ${error instanceof Error ? error.message : String(error)}.`
    }
    return problem === undefined
  }
  return {
    append,
    read() {
      if (!existsSync(file)) return []
      const lines = readFileSync(file, 'utf8').split('\n')
      return lines.slice(0, -1).filter((line) => line !== '')
    },
    clear() {
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
