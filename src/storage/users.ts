/** People with passwords: in memory, written through with full durability. */
import { GatewayError } from '../core/error.ts'
import type { UserStore } from '../core/ports/people.ts'
import { toMillis } from '../core/time.ts'
import { PERSON_ROLES, type User } from '../core/user.ts'
import {
  type Database,
  numberOf,
  optionalNumber,
  type Row,
  type Statement,
  statement,
  textOf,
  toUserError,
} from './database.ts'

const INSERT =
  'insert into users (id, name, role, password_hash, created_at, disabled_at) values ($1, $2, $3, $4, $5, $6)'
const UPDATE = 'update users set name = $1, role = $2, password_hash = $3, disabled_at = $4 where id = $5'

export async function openUsers(database: Database): Promise<UserStore> {
  let users = sorted((await database.load('select * from users')).map(toUser))
  const write = async (change: Statement, name: string): Promise<void> => {
    try {
      await database.commit([change], 'full')
    } catch (error) {
      throw toUserError(error, `There is a user called "${name}" already. Choose another name.`)
    }
  }
  return {
    all: () => users,
    async add(user) {
      const { id, name, role, passwordHash, createdAt, disabledAt = null } = user
      await write(statement(INSERT, id, name, role, passwordHash, createdAt, disabledAt), name)
      users = sorted([...users, user])
    },
    async change(id, change) {
      const user = users.find((each) => each.id === id)
      if (user === undefined) throw new GatewayError('not-found', `There is no user ${id}.`)
      const changed = { ...user, ...change }
      const { name, role, passwordHash, disabledAt = null } = changed
      await write(statement(UPDATE, name, role, passwordHash, disabledAt, id), name)
      users = sorted(users.map((each) => (each.id === id ? changed : each)))
      return changed
    },
    async remove(id) {
      await write(statement('delete from users where id = $1', id), id)
      users = users.filter((each) => each.id !== id)
    },
  }
}

const sorted = (users: readonly User[]): readonly User[] =>
  users.toSorted((a, b) => (a.name < b.name ? -1 : 1))

function toUser(row: Row): User {
  const disabledAt = optionalNumber(row, 'disabled_at')
  return {
    id: textOf(row, 'id'),
    name: textOf(row, 'name'),
    // Whoever has a role that this version does not know may do least.
    role: PERSON_ROLES.find((role) => role === textOf(row, 'role')) ?? 'viewer',
    passwordHash: textOf(row, 'password_hash'),
    createdAt: toMillis(numberOf(row, 'created_at')),
    disabledAt: disabledAt === undefined ? undefined : toMillis(disabledAt),
  }
}
