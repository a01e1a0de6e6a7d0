/** The handlers of /api/users. A password goes in and is hashed; nothing of it comes out, not even the hash. */
import { GatewayError } from '../../core/error.ts'
import { toIso } from '../../core/time.ts'
import { leavesNoOwner, type User, type UserChange } from '../../core/user.ts'
import { changedFields } from '../changed-fields.ts'
import type { Answer, Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'
import { definedOnly } from '../views.ts'

type UserHandlers = Pick<Handlers, 'listUsers' | 'addUser' | 'changeUser' | 'removeUser'>

export function userHandlers(services: Services): UserHandlers {
  const { users, passwords, door, clock } = services
  return {
    listUsers: async () => ({ users: users.all().map(toView) }),
    async addUser({ body: { name, role, password } }, call) {
      assertName(services, name)
      const passwordHash = await passwords.hash(password)
      const common = { createdAt: clock.now(), disabledAt: undefined }
      const user = { id: services.newId(), name, role, passwordHash, ...common }
      await users.add(user)
      call.changed({ target: name, to: { role } })
      return toView(user)
    },
    async changeUser({ params, body }, call) {
      const user = find(services, params.id)
      const { name, role } = body
      if (name !== undefined && name !== user.name) assertName(services, name)
      const hash = body.password === undefined ? undefined : await passwords.hash(body.password)
      // Hashing takes its time: what is changed is what is there by now.
      const present = find(services, user.id)
      const change: UserChange = {
        ...definedOnly({ name, role, passwordHash: hash }),
        ...(body.disabled === undefined
          ? {}
          : { disabledAt: body.disabled ? (present.disabledAt ?? clock.now()) : undefined }),
      }
      assertOwnerLeft(services, present, { ...present, ...change })
      const changed = await users.change(present.id, change)
      if (isOtherDoor(present, changed)) await door.endUser(changed.id)
      call.changed({ target: present.name, ...changedFields(told(present), told(changed, body)) })
      return toView(changed)
    },
    async removeUser({ params }, call) {
      const user = find(services, params.id)
      assertOwnerLeft(services, user, undefined)
      await users.remove(user.id)
      await door.endUser(user.id)
      call.changed({ target: user.name, from: told(user) })
      return {}
    },
  }
}

/** What somebody may do, or how they get in, has changed: they are to come in anew. */
const isOtherDoor = (before: User, after: User): boolean =>
  before.role !== after.role ||
  before.passwordHash !== after.passwordHash ||
  before.disabledAt !== after.disabledAt

const told = (
  { name, role, disabledAt }: User,
  { password }: Pick<Input<'changeUser'>['body'], 'password'> = {},
): object => ({
  name,
  role,
  disabled: disabledAt !== undefined,
  ...(password === undefined ? {} : { password: '(replaced)' }),
})

const toView = ({ id, name, role, createdAt, disabledAt }: User): Answer<'addUser'> => ({
  id,
  name,
  role,
  createdAt: toIso(createdAt),
  ...(disabledAt === undefined ? {} : { disabledAt: toIso(disabledAt) }),
})

function find({ users }: Services, idOrName: string): User {
  const all = users.all()
  const user = all.find(({ id }) => id === idOrName) ?? all.find(({ name }) => name === idOrName)
  if (user === undefined) throw new GatewayError('not-found', `There is no user "${idOrName}".`)
  return user
}

function assertName({ users }: Services, name: string): void {
  if (!users.all().some((each) => each.name === name)) return
  throw new GatewayError('conflict', `There is a user called "${name}" already. Choose another name.`)
}

function assertOwnerLeft({ users }: Services, user: User, next: User | undefined): void {
  if (!leavesNoOwner(users.all(), user, next)) return
  throw new GatewayError(
    'conflict',
    `"${user.name}" is the last owner who can sign in with a password. Make somebody else an owner first.`,
  )
}
