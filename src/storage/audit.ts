/**
 * The audit log: what was changed, by whom, from what to what. Written through before the
 * caller is answered; read in the worker. Bounded by rows, failed sign-ins apart from the
 * rest, so that nobody can push changes out of it by failing to sign in.
 */
import type { AuditLog, AuditRecord } from '../core/ports/people.ts'
import type { Role } from '../core/role.ts'
import { toMillis } from '../core/time.ts'
import {
  type Database,
  jsonOf,
  numberOf,
  optionalText,
  type Row,
  type Statement,
  statement,
  textOf,
  toUserError,
  type Value,
} from './database.ts'

const INSERT = `insert into audit_log (id, at, who, role, peer, action, target, from_json, to_json, is_failure)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
const FORGET = `delete from audit_log where is_failure = $1 and id <= (
  select id from audit_log where is_failure = $2 order by id desc limit 1 offset $3)`
const FORGET_EVERY = 100
/** Longer ones are rules by the hundred; what they were stands in the settings' history elsewhere. */
const MOST_JSON = 16_384

/** How many entries are kept of each kind. */
export interface AuditBounds {
  readonly changes: number
  readonly failures: number
}

const BOUNDS: AuditBounds = { changes: 100_000, failures: 10_000 }

export function createAuditLog(database: Database, bounds: AuditBounds = BOUNDS): AuditLog {
  let added = 0
  return {
    async add(record) {
      // With the first one too: an earlier run may have ended before it had a hundred.
      const isTime = added % FORGET_EVERY === 0
      added++
      try {
        await database.commit([insertion(record), ...(isTime ? forgetting(bounds) : [])], 'full')
      } catch (error) {
        throw toUserError(error, 'An entry with this id is there already.')
      }
    },
    async list({ action, who, since, before, limit }) {
      const conditions: readonly (readonly [condition: string, value: Value | undefined])[] = [
        ['action = ', action],
        ['who = ', who],
        ['at >= ', since],
        ['id < ', before],
      ]
      const values: Value[] = []
      const parts = conditions.flatMap(([condition, value]) =>
        value === undefined ? [] : [`${condition}$${values.push(value)}`],
      )
      const where = parts.length === 0 ? '' : `where ${parts.join(' and ')}`
      const text = `select * from audit_log ${where} order by id desc limit $${values.length + 1}`
      return (await database.read(text, [...values, limit])).map(toRecord)
    },
  }
}

function insertion(record: AuditRecord): Statement {
  const { id, at, who, role, peer, action, target, from, to } = record
  const isFailure = action === 'signInFailed' ? 1 : 0
  const what = [action, target ?? null, toJson(from), toJson(to), isFailure]
  return statement(INSERT, id, at, who, role ?? null, peer, ...what)
}

const forgetting = ({ changes, failures }: AuditBounds) => [
  statement(FORGET, 0, 0, changes),
  statement(FORGET, 1, 1, failures),
]

function toJson(value: unknown): string | null {
  if (value === undefined) return null
  const text = JSON.stringify(value)
  return text.length <= MOST_JSON ? text : JSON.stringify(`(too long to keep: ${text.length} characters)`)
}

const toRecord = (row: Row): AuditRecord => ({
  id: textOf(row, 'id'),
  at: toMillis(numberOf(row, 'at')),
  who: textOf(row, 'who'),
  // Written from the same union.
  role: optionalText(row, 'role') as Role | undefined,
  peer: textOf(row, 'peer'),
  action: textOf(row, 'action'),
  target: optionalText(row, 'target'),
  from: jsonOf<unknown>(row, 'from_json', undefined),
  to: jsonOf<unknown>(row, 'to_json', undefined),
})
