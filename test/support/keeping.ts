/**
 * What the keeper needs, without a database and without sockets: accounts and claims in
 * memory that behave as the stored ones do, the real pool, and the simulated provider's
 * logins. For tests of renewals.
 */
import { type Account, type AccountId, toSealedSecret } from '../../src/core/account.ts'
import type { AccountEvent } from '../../src/core/event.ts'
import { HEALTHY } from '../../src/core/health.ts'
import type { SecretBox } from '../../src/core/ports/secrets.ts'
import type { Claim, ClaimTerms, Credential, CredentialStore } from '../../src/core/ports/stores.ts'
import { later, toMillis } from '../../src/core/time.ts'
import type { KeeperContext } from '../../src/keeper/context.ts'
import { createPool, type Pool } from '../../src/proxy/pool.ts'
import { idOf, memoryLog, sampleAccount } from './samples.ts'
import { type StagedUpstream, stagedUpstream } from './staged-upstream.ts'
import { type TickingClock, tickingClock } from './ticking-clock.ts'

/** Seals readably, and opens only what it was sealed for. */
export const plainSecrets: SecretBox = {
  seal: (purpose, owner, secret) => toSealedSecret(`${purpose} of ${owner}: ${secret}`),
  open(purpose, owner, sealed) {
    const seal = `${purpose} of ${owner}: `
    if (!sealed.startsWith(seal)) throw new Error('A secret was sealed for something else.')
    return sealed.slice(seal.length)
  },
}

export interface LoginPlan {
  readonly name: string
  /** When the token ends as the account says; an hour unless given. */
  readonly endsInMs?: number
  readonly account?: Partial<Account>
}

const HOUR_MS = 3_600_000

/** An account with tokens of a login of its name. */
export function signedInAccount(
  { logins }: Pick<StagedUpstream, 'logins'>,
  clock: TickingClock,
  { name, endsInMs = HOUR_MS, account = {} }: LoginPlan,
): Account {
  const { accessToken, refreshToken } = logins.grant({ id: name })
  const id = idOf(name)
  return sampleAccount(name, {
    provider: 'claude-oauth',
    secret: plainSecrets.seal('account-credential', id, accessToken),
    refreshSecret: plainSecrets.seal('refresh-token', id, refreshToken),
    tokenExpiresAt: later(clock.now(), endsInMs),
    ...account,
  })
}

export interface MemoryAccounts {
  all(): readonly Account[]
  find(name: string): Account
  change(name: string, change: Partial<Account>): void
  readonly credentials: CredentialStore
  /** Each of these fails as often as it says. */
  readonly failures: { claim: number; replace: number; release: number }
}

/** One database: whoever gets the same one shares it. */
function memoryAccounts(
  initial: readonly Account[],
  onChange: (accounts: readonly Account[]) => void,
): MemoryAccounts {
  let accounts = initial
  const claims = new Map<AccountId, Omit<ClaimTerms, 'now'>>()
  const failures = { claim: 0, replace: 0, release: 0 }
  const of = (id: AccountId) => accounts.find((each) => each.id === id)
  const put = (id: AccountId, change: Partial<Account>): void => {
    accounts = accounts.map((each) => (each.id === id ? { ...each, ...change } : each))
    onChange(accounts)
  }
  const fail = (what: keyof typeof failures): void => {
    if (failures[what] <= 0) return
    failures[what]--
    throw new Error('The disk is full.')
  }
  const claim = (id: AccountId, version: number, { holder, now, until }: ClaimTerms): Claim => {
    fail('claim')
    if (of(id)?.credentialVersion !== version) return { kind: 'superseded' }
    const earlier = claims.get(id)
    const isOver = earlier !== undefined && (earlier.holder === holder || earlier.until <= now)
    if (earlier !== undefined && !isOver) return { kind: 'held' }
    claims.set(id, { holder, until })
    return { kind: 'claimed', isInDoubt: isOver }
  }
  const replace = (id: AccountId, version: number, credential: Credential): Account | undefined => {
    fail('replace')
    if (of(id)?.credentialVersion !== version) return undefined
    claims.delete(id)
    put(id, { ...credential, credentialVersion: version + 1 })
    return of(id)
  }
  return {
    all: () => accounts,
    find(name) {
      const found = of(idOf(name))
      if (found === undefined) throw new Error(`There is no account ${name}.`)
      return found
    },
    change: (name, change) => put(idOf(name), change),
    failures,
    credentials: {
      reload: async (id) => of(id),
      claim: async (id, version, terms) => claim(id, version, terms),
      async release(id, holder, isInDoubt) {
        fail('release')
        if (claims.get(id)?.holder !== holder) return
        if (isInDoubt) claims.set(id, { holder, until: toMillis(0) })
        else claims.delete(id)
      },
      replace: async (id, version, credential) => replace(id, version, credential),
    },
  }
}

export interface Keeping {
  readonly context: KeeperContext
  readonly clock: TickingClock
  readonly upstream: StagedUpstream
  readonly accounts: MemoryAccounts
  readonly pool: Pool
  readonly log: ReturnType<typeof memoryLog>
  readonly events: readonly (AccountEvent & { readonly account: AccountId })[]
  /** How often a refresh token was sent. */
  tokenRequests(): number
  /** The access token that an account would be sent with. */
  tokenOf(account: Account): string
}

export function openKeeping(plans: readonly LoginPlan[], clock = tickingClock()): Keeping {
  const upstream = stagedUpstream(clock)
  const events: (AccountEvent & { readonly account: AccountId })[] = []
  const pool = createPool({
    clock,
    store: NOWHERE,
    events: { add: (account, event) => void events.push({ account, ...event }), list: async () => [] },
    readings: { add: () => {}, list: async () => [], thin: async () => {} },
    sessionMs: () => HOUR_MS,
    circuitFaults: () => 5,
    originOf: ({ id }) => id,
    changed: () => {},
    observe: () => {},
  })
  const initial = plans.map((plan) => signedInAccount(upstream, clock, plan))
  const accounts = memoryAccounts(initial, pool.sync)
  pool.sync(accounts.all())
  const log = memoryLog()
  const context: KeeperContext = {
    ...keeperParts(pool),
    clock,
    log,
    upstream,
    secrets: plainSecrets,
    accounts,
    credentials: accounts.credentials,
    holder: 'this process',
  }
  return {
    context,
    clock,
    upstream,
    accounts,
    pool,
    log,
    events,
    tokenRequests: () => upstream.requests.filter(({ kind }) => kind === 'token').length,
    tokenOf: ({ id, secret }) => plainSecrets.open('account-credential', id, secret),
  }
}

/** What is the same in every test of the keeper. */
export const keeperParts = (pool: Pool) => ({
  pool: {
    healthOf: (id: AccountId) => pool.views().find(({ account }) => account.id === id)?.health ?? HEALTHY,
    failed: (id, failure) => pool.failed(id, failure, undefined),
    polled: pool.polled,
    learned: pool.learned,
  } satisfies KeeperContext['pool'],
  settings: () => ({
    clientId: 'a-client',
    tokenEndpoint: { isSecure: true, host: 'provider.test', port: 443, path: '' },
    authorizeUrl: '',
    redirectUri: 'https://provider.test/callback',
    usagePollMs: 600_000,
  }),
  newId: () => 'an-id',
  randomText: () => 'a-text',
  challengeOf: (text: string) => text,
  observe: { renewed: () => {}, polled: () => {} },
})

const NOWHERE = {
  load: () => new Map(),
  saveCooldowns: () => {},
  saveWindows: () => {},
  saveSession: () => {},
  saveLogin: () => {},
  saveStanding: () => {},
}
