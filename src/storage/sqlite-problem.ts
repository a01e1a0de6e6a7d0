/** What kind of problem an error of SQLite is. Knows no file and no statement. */
import type { DatabaseProblem } from './database.ts'

/** By the code that SQLite gave it; the empty one is for what it did not say. */
export function problemOfCode(code: string): DatabaseProblem {
  const is = (...names: readonly string[]): boolean => names.some((name) => code.startsWith(`SQLITE_${name}`))
  if (is('BUSY', 'LOCKED')) return 'busy'
  if (is('FULL')) return 'full'
  if (is('CORRUPT', 'NOTADB')) return 'damaged'
  if (is('TOOBIG', 'MISMATCH')) return 'unfit'
  if (is('IOERR', 'READONLY', 'CANTOPEN')) return 'unreachable'
  return is('CONSTRAINT') ? 'conflict' : 'other'
}

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code ?? '') : ''
