/**
 * Keeps at most one renewal of an account's token running, whoever asks for it and for
 * whatever reason, and decides what each waits for: the new token, the old one while it
 * lives, or why there is none. Failed renewals are spaced out. Must not talk to anybody.
 */
import type { Account, AccountId } from '../core/account.ts'
import type { Failure } from '../core/failure.ts'
import type { Renewed, Tokens } from '../core/ports/tokens.ts'
import { later, MINUTE, type Millis, SECOND, toIso } from '../core/time.ts'
import { isDueBeforeUse, isRenewable, renewalAt } from '../core/token.ts'
import type { KeeperContext } from './context.ts'
import { type Outcome, renewOnce, troubleOf } from './renewal.ts'

export interface Refresher extends Tokens {
  /** Renews now, whatever is left of the token. */
  renew(account: Account): Promise<Renewed>
  /** Whether a token is to be renewed in the background at this moment. */
  isDue(account: Account): boolean
  /** Forgets accounts that are gone. */
  keepOnly(ids: ReadonlySet<AccountId>): void
}

interface State {
  running: Promise<Renewed> | undefined
  failures: number
  /** Until then the last failure stands. */
  retryAt: Millis | undefined
  failure: Failure | undefined
  /** Of a token seen from its issue on. */
  lifeMs: number | undefined
  /** Spreads background renewals. */
  readonly chance: number
}

/** How long a request waits for a renewal before it goes elsewhere. */
const WAIT_MS = 10 * SECOND
const FIRST_BACKOFF_MS = 5 * SECOND
const LONGEST_BACKOFF_MS = 5 * MINUTE

export function createRefresher(context: KeeperContext): Refresher {
  const { clock } = context
  const states = new Map<AccountId, State>()
  const stateOf = (id: AccountId): State => {
    const state = states.get(id) ?? newState(clock.chance())
    states.set(id, state)
    return state
  }
  const renew = (account: Account): Promise<Renewed> => {
    const state = stateOf(account.id)
    state.running ??= run(account, state, context).finally(() => {
      state.running = undefined
    })
    return state.running
  }
  const present = (id: AccountId): Account | undefined =>
    context.accounts.all().find((account) => account.id === id)
  return {
    renew,
    usable(account) {
      const { tokenExpiresAt } = account
      if (tokenExpiresAt === undefined) return account
      const now = clock.now()
      if (!isDueBeforeUse(account, now, states.get(account.id)?.lifeMs)) return account
      if (!isRenewable(account)) return tokenExpiresAt > now ? account : Promise.resolve(ended(account))
      return beforeUse(account, stateOf(account.id), renew, context)
    },
    async afterRefusal(id, version) {
      const account = present(id)
      if (account === undefined) return failed(GONE)
      if (account.credentialVersion > version) return { kind: 'fresh', account }
      const state = stateOf(id)
      return waiting(state, clock.now()) ?? patiently(renew(account), context)
    },
    isDue(account) {
      const state = stateOf(account.id)
      const at = renewalAt(account, state.chance, state.lifeMs)
      const now = clock.now()
      return at !== undefined && at <= now && (state.retryAt ?? now) <= now
    },
    keepOnly(ids) {
      for (const id of states.keys()) if (!ids.has(id)) states.delete(id)
    },
  }
}

const newState = (chance: number): State => ({
  running: undefined,
  failures: 0,
  retryAt: undefined,
  failure: undefined,
  lifeMs: undefined,
  chance,
})

const ACCOUNT = { kind: 'account' } as const
const failed = (failure: Failure): Renewed => ({ kind: 'failed', failure })
const GONE: Failure = { cause: 'unauthorized', scope: ACCOUNT, evidence: 'it has been removed' }
const ended = ({ tokenExpiresAt }: Account): Renewed =>
  failed({
    cause: 'login-required',
    scope: ACCOUNT,
    evidence: `its token ended${tokenExpiresAt === undefined ? '' : ` at ${toIso(tokenExpiresAt)}`} and cannot be renewed`,
  })

/** The last failure, while it is too soon to try again. */
function waiting({ retryAt, failure, running }: State, now: Millis): Renewed | undefined {
  const isTooSoon = running === undefined && retryAt !== undefined && retryAt > now
  return isTooSoon && failure !== undefined ? failed(failure) : undefined
}

/** A token that still lives is used where there is no newer one in time. */
async function beforeUse(
  account: Account,
  state: State,
  renew: (account: Account) => Promise<Renewed>,
  context: KeeperContext,
): Promise<Renewed> {
  const { clock } = context
  const renewed = waiting(state, clock.now()) ?? (await patiently(renew(account), context))
  if (renewed.kind === 'fresh' || renewed.failure.cause === 'login-required') return renewed
  const isAlive = (account.tokenExpiresAt ?? 0) > clock.now()
  return isAlive ? { kind: 'fresh', account } : renewed
}

/** Whoever waits does so for a bounded time; the renewal goes on. */
async function patiently(renewal: Promise<Renewed>, { clock }: KeeperContext): Promise<Renewed> {
  const limit = new AbortController()
  const late = clock.sleep(WAIT_MS, limit.signal).then((): Renewed => {
    const until = later(clock.now(), FIRST_BACKOFF_MS)
    return failed({
      cause: 'refresh-failed',
      scope: ACCOUNT,
      evidence: `its token was not renewed within ${WAIT_MS / SECOND} s`,
      until,
    })
  })
  const first = await Promise.race([renewal, late])
  limit.abort()
  return first
}

async function run(account: Account, state: State, context: KeeperContext): Promise<Renewed> {
  const outcome = await renewOnce(account, context).catch(troubleOf)
  const now = context.clock.now()
  switch (outcome.kind) {
    case 'renewed':
      return succeed(outcome.account, state, context)
    case 'revoked':
      return revoke(account, outcome, state, context)
    case 'trouble':
      return backOff(account, { outcome, state, now }, context)
  }
}

function succeed(account: Account, state: State, { clock, observe }: KeeperContext): Renewed {
  const now = clock.now()
  state.failures = 0
  state.retryAt = undefined
  state.failure = undefined
  state.lifeMs = account.tokenExpiresAt === undefined ? undefined : Math.max(0, account.tokenExpiresAt - now)
  observe.renewed(account, 'renewed')
  return { kind: 'fresh', account }
}

function revoke(
  account: Account,
  { evidence }: Extract<Outcome, { kind: 'revoked' }>,
  state: State,
  { log, observe, pool }: KeeperContext,
): Renewed {
  const failure: Failure = { cause: 'login-required', scope: ACCOUNT, evidence }
  state.failure = failure
  pool.failed(account.id, failure)
  observe.renewed(account, 'revoked')
  log.warn(`The account ${account.name} needs a new sign-in: ${evidence}.`, { account: account.name })
  return failed(failure)
}

function backOff(
  account: Account,
  {
    outcome,
    state,
    now,
  }: { readonly outcome: Extract<Outcome, { kind: 'trouble' }>; readonly state: State; readonly now: Millis },
  { clock, log, observe }: KeeperContext,
): Renewed {
  const backoffMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** state.failures)
  const waitMs = Math.max(outcome.waitMs ?? 0, backoffMs) * (0.75 + clock.chance() / 2)
  state.failures++
  state.retryAt = later(now, waitMs)
  state.failure = {
    cause: 'refresh-failed',
    scope: ACCOUNT,
    evidence: `its token could not be renewed: ${outcome.evidence}`,
    until: state.retryAt,
  }
  observe.renewed(account, 'failed')
  log.warn(`The token of the account ${account.name} could not be renewed: ${outcome.evidence}.`, {
    account: account.name,
    retryAt: toIso(state.retryAt),
  })
  return failed(state.failure)
}
