/** People for tests of the door: stores in memory, secrets that can be told apart, passwords that are checked at once. */
import { GatewayError } from '../../src/core/error.ts'
import type { AuditRecord, Passwords, UserStore, VisitStore } from '../../src/core/ports/people.ts'
import type { User } from '../../src/core/user.ts'
import { hasUser, type Visit } from '../../src/core/visit.ts'
import { createLinks } from '../../src/door/links.ts'
import type { SecretSource } from '../../src/door/secrets.ts'
import { createSignIn } from '../../src/door/sign-in.ts'
import { createVisits } from '../../src/door/visits.ts'
import { manualClock, memoryLog } from './samples.ts'

export function countedSecrets(): SecretSource {
  let made = 0
  const digest = (text: string): string => `digest of ${text}`
  return {
    make(prefix) {
      const secret = `${prefix}${++made}`
      return { secret, digest: digest(secret) }
    },
    digest,
    newId: () => `id-${++made}`,
  }
}

export function memoryVisits(): VisitStore {
  let visits: readonly Visit[] = []
  return {
    all: () => visits,
    byDigest: (digest) => visits.find((visit) => visit.digest === digest),
    async add(visit) {
      visits = [...visits, visit]
    },
    touch(id, usedAt) {
      visits = visits.map((visit) => (visit.id === id ? { ...visit, usedAt } : visit))
    },
    async remove(ids) {
      visits = visits.filter(({ id }) => !ids.includes(id))
    },
  }
}

function memoryUsers(...first: readonly User[]): UserStore {
  let users = first
  return {
    all: () => users,
    async add(user) {
      users = [...users, user]
    },
    async change(id, change) {
      const user = users.find((each) => each.id === id)
      if (user === undefined) throw new GatewayError('not-found', 'There is no such user.')
      const changed = { ...user, ...change }
      users = users.map((each) => (each.id === id ? changed : each))
      return changed
    },
    async remove(id) {
      users = users.filter((each) => each.id !== id)
    },
  }
}

/** The password of `name` is `password of <name>`, its hash `hash-<name>`. */
export interface CheckedPasswords extends Passwords {
  readonly checked: readonly (readonly [password: string, hash: string | undefined])[]
  /** Called while a password is being checked. */
  meanwhile: () => void | Promise<void>
}

function checkedPasswords(): CheckedPasswords {
  const checked: (readonly [string, string | undefined])[] = []
  const passwords: CheckedPasswords = {
    checked,
    meanwhile: () => {},
    hash: async (password) => password.replace('password of ', 'hash-'),
    async verify(password, hash) {
      checked.push([password, hash])
      await passwords.meanwhile()
      return hash === password.replace('password of ', 'hash-')
    },
  }
  return passwords
}

export function openDoor(...people: readonly User[]) {
  const clock = manualClock()
  const secrets = countedSecrets()
  const users = memoryUsers(...people)
  const passwords = checkedPasswords()
  const written: AuditRecord[] = []
  const audit = {
    async add(record: AuditRecord) {
      written.push(record)
    },
    list: async () => written,
  }
  const limits = () => ({ idleMs: 3_600_000, longestMs: 36_000_000 })
  const visits = createVisits({
    store: memoryVisits(),
    secrets,
    clock,
    isWelcome: (visit) => hasUser(visit, users.all()),
    limits,
  })
  const links = createLinks(secrets, clock.elapsed)
  const log = memoryLog()
  const signIn = createSignIn({ links, visits, users, passwords, audit, secrets, clock, log })
  return { clock, users, passwords, written, visits, links, log, signIn }
}
