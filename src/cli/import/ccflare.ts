/**
 * Databases of better-ccflare and of ccflare, from which it came: the same tables, with
 * columns that differ from version to version. The database is never written to.
 */
import { CommandError, EXIT } from '../shell.ts'
import { type ReadAccount, toAccounts } from './ccflare-accounts.ts'
import { countRequests, requestsOf } from './ccflare-requests.ts'
import { readCount } from './fields.ts'
import type { Imported } from './imported.ts'
import { openSource, type Source } from './source.ts'

/** Without these, it is some other program's database. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  accounts: ['id', 'name', 'refresh_token'],
  requests: ['id', 'timestamp'],
}

/** Both throw CommandError with a sentence; what they give is to be closed. */
export const readBetterCcflare = (path: string): Imported => readDatabase(path, 'better-ccflare')
export const readCcflare = (path: string): Imported => readDatabase(path, 'ccflare')

function readDatabase(path: string, program: string): Imported {
  const source = openSource(path)
  try {
    refuseOthers(source, path, program)
    const accounts = toAccounts(source.read('select * from accounts order by rowid'), program)
    const names = new Map(accounts.map(({ id, account }) => [id, account.name]))
    return {
      accounts: accounts.map(({ account }) => account),
      requests: requestsOf(source, names),
      requestCount: countRequests(source),
      notes: [...accounts.flatMap(({ notes }) => notes), ...notesOn(source, accounts, program)],
      close: source.close,
    }
  } catch (error) {
    source.close()
    throw error
  }
}

function refuseOthers(source: Source, path: string, program: string): void {
  const missing = Object.entries(NEEDED).flatMap(([table, columns]) => {
    const there = source.columnsOf(table)
    if (there.size === 0) return [`no table "${table}"`]
    return columns
      .filter((column) => !there.has(column))
      .map((column) => `no column "${column}" in its table "${table}"`)
  })
  if (missing.length === 0) return
  const message = `The file ${path} is not a database of ${program}: it has ${missing.join(' and ')}.`
  throw new CommandError(EXIT.failure, message)
}

function* notesOn(source: Source, accounts: readonly ReadAccount[], program: string): Generator<string> {
  const logins = accounts.filter(({ account }) => account.refreshToken !== undefined)
  if (logins.length > 0)
    yield `A login belongs to one program: a refresh token works once. Stop ${program} before Spillway uses ${logins
      .map(({ account }) => account.name)
      .join(', ')}, or one of the two is logged out.`
  const keys =
    source.columnsOf('api_keys').size === 0 ? [] : source.read('select count(*) as count from api_keys')
  const count = readCount(keys[0]?.count)
  if (count > 0)
    yield `${count === 1 ? 'One client key is' : `${count} client keys are`} left out: ${program} keeps only hashes of them. Make new ones with "spillway keys create".`
}
