/**
 * The `Passwords` port: argon2id on the runtime's own threads, so that nothing waits for it,
 * and only a few at a time, because each takes 19 MiB and a core. Passwords are compared in
 * their NFKC form: keyboards differ in how they write one letter. Nothing is ever logged.
 */
import { GatewayError } from '../core/error.ts'
import type { Passwords } from '../core/ports/people.ts'

/** What OWASP asks for at least: 19 MiB, two passes. */
const ARGON2 = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const
const MOST_AT_ONCE = 2
const MOST_WAITING = 20

/** The hash of a password that nobody knows: what takes a user's place where there is none. */
const NOBODYS =
  '$argon2id$v=19$m=19456,t=2,p=1$PRo504TqV4epZvU4Tu8TMIyecQPmV9pro5TEdqUu+VM$gQJvjl55zYWH2J3KlUVA5n2VQbjJ3/TS8gcsPkmxHdc'

export function createPasswords(): Passwords {
  const inTurn = createQueue()
  return {
    hash: (password) => inTurn(() => Bun.password.hash(plain(password), ARGON2)),
    async verify(password, hash) {
      const isRight = await inTurn(() => Bun.password.verify(plain(password), hash ?? NOBODYS))
      return isRight && hash !== undefined
    },
  }
}

const plain = (password: string): string => password.normalize('NFKC')

function createQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (running >= MOST_AT_ONCE) {
      if (waiting.length >= MOST_WAITING)
        throw new GatewayError(
          'too-many-attempts',
          'Too many passwords are being checked. Try again in a minute.',
        )
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
