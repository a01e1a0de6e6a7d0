/**
 * Keeps at most one renewal of an account's token running, whoever asks for it and for
 * whatever reason, and decides what each waits for: the new token, the old one while it
 * lives, or why there is none. Failed renewals are spaced out. Must not talk to anybody.
 */
import type { Account, AccountId } from '../core/account.ts'
import type { Failure } from '../core/failure.ts'
import type { Renewed, Tokens } from '../core/ports/tokens.ts'
import { HOUR, later, MINUTE, SECOND, toIso } from '../core/time.ts'
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
  /** Resolves when no renewal is under way any more: one that is cut off loses what it got. */
  settled(): Promise<void>
}

interface State {
  running: Promise<Renewed> | undefined
  failures: number
  /** In the clock's `elapsed` time, which nobody sets back: until then the last failure stands. */
  retryAt: number | undefined
  failure: Failure | undefined
  /** Of a token seen from its issue on. */
  lifeMs: number | undefined
  /** The last token that was issued here, and when in the clock's `elapsed` time. */
  issued: { readonly version: number; readonly at: number } | undefined
  /** Spreads background renewals. */
  readonly chance: number
}

/** How long a request waits for a renewal before it goes elsewhere. */
const WAIT_MS = 10 * SECOND
const FIRST_BACKOFF_MS = 5 * SECOND
const LONGEST_BACKOFF_MS = 5 * MINUTE
/** A token endpoint that asks for more is asked again all the same. */
const LONGEST_WAIT_MS = HOUR
/** A token that is refused so soon after its issue would be no better the next time. */
const JUST_ISSUED_MS = MINUTE

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
  return {
    renew,
    usable(account) {
      const { tokenExpiresAt } = account
      if (tokenExpiresAt === undefined) return account
      const now = clock.now()
      if (!isDueBeforeUse(account, now, states.get(account.id)?.lifeMs)) return account
      if (!isRenewable(account))
        return tokenExpiresAt > now ? account : Promise.resolve(failed(endOf(account)))
      return beforeUse(account, stateOf(account.id), renew, context)
    },
    async afterRefusal(id, version) {
      const account = presentOf(id, context)
      if (account === undefined) return failed(GONE)
      if (account.credentialVersion > version) return { kind: 'fresh', account }
      const state = stateOf(id)
      if (isJustIssued(state, version, clock.elapsed())) return failed(REFUSED_ANEW)
      return waiting(id, state, context) ?? patiently(renew(account), context)
    },
    isDue(account) {
      const state = stateOf(account.id)
      const at = renewalAt(account, state.chance, state.lifeMs)
      return at !== undefined && at <= clock.now() && waitMsOf(state, clock.elapsed()) <= 0
    },
    keepOnly(ids) {
      for (const [id, { running }] of states) if (!ids.has(id) && running === undefined) states.delete(id)
    },
    async settled() {
      await Promise.all([...states.values()].map(({ running }) => running))
    },
  }
}

const newState = (chance: number): State => ({
  running: undefined,
  failures: 0,
  retryAt: undefined,
  failure: undefined,
  lifeMs: undefined,
  issued: undefined,
  chance,
})

const ACCOUNT = { kind: 'account' } as const
const failed = (failure: Failure): Renewed => ({ kind: 'failed', failure })
const GONE: Failure = { cause: 'unauthorized', scope: ACCOUNT, evidence: 'it has been removed' }
/** Of a token that nobody can renew: what its end means. */
export const endOf = ({ tokenExpiresAt }: Account): Failure => ({
  cause: 'login-required',
  scope: ACCOUNT,
  evidence: `its token ended${tokenExpiresAt === undefined ? '' : ` at ${toIso(tokenExpiresAt)}`} and cannot be renewed`,
})

const REFUSED_ANEW: Failure = {
  cause: 'unauthorized',
  scope: ACCOUNT,
  evidence: 'its token was refused right after it had been renewed',
}

const presentOf = (id: AccountId, { accounts }: KeeperContext): Account | undefined =>
  accounts.all().find((account) => account.id === id)

const isJustIssued = ({ issued }: State, version: number, elapsed: number): boolean =>
  issued !== undefined && issued.version === version && elapsed - issued.at < JUST_ISSUED_MS

const waitMsOf = ({ retryAt }: State, elapsed: number): number => (retryAt ?? elapsed) - elapsed

/** The last failure, while it is too soon to try again, or of no use before somebody has signed in. */
function waiting(id: AccountId, state: State, { clock, pool }: KeeperContext): Renewed | undefined {
  const { running, failure } = state
  if (running !== undefined || failure === undefined) return undefined
  if (failure.cause === 'login-required')
    return pool.healthOf(id).login === undefined ? undefined : failed(failure)
  const waitMs = waitMsOf(state, clock.elapsed())
  return waitMs > 0 ? failed({ ...failure, until: later(clock.now(), waitMs) }) : undefined
}

/** A token that still lives is used where there is no newer one in time. */
async function beforeUse(
  account: Account,
  state: State,
  renew: (account: Account) => Promise<Renewed>,
  context: KeeperContext,
): Promise<Renewed> {
  const { clock } = context
  const renewed = waiting(account.id, state, context) ?? (await patiently(renew(account), context))
  if (renewed.kind === 'fresh' || renewed.failure.cause === 'login-required') return renewed
  // Somebody may have signed in meanwhile, or changed where its requests go.
  const present = presentOf(account.id, context) ?? account
  const isAlive = (present.tokenExpiresAt ?? Number.POSITIVE_INFINITY) > clock.now()
  return isAlive ? { kind: 'fresh', account: present } : renewed
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
  switch (outcome.kind) {
    case 'renewed':
      return succeed(outcome, state, context)
    case 'revoked':
      return revoke(account, outcome, state, context)
    case 'trouble':
      return backOff(account, outcome, state, context)
  }
}

function succeed(
  { account, isIssued }: Extract<Outcome, { kind: 'renewed' }>,
  state: State,
  { clock, observe }: KeeperContext,
): Renewed {
  const { tokenExpiresAt, credentialVersion: version } = account
  state.failures = 0
  state.retryAt = undefined
  state.failure = undefined
  state.issued = isIssued ? { version, at: clock.elapsed() } : undefined
  state.lifeMs =
    isIssued && tokenExpiresAt !== undefined ? Math.max(0, tokenExpiresAt - clock.now()) : undefined
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
  outcome: Extract<Outcome, { kind: 'trouble' }>,
  state: State,
  { clock, log, observe }: KeeperContext,
): Renewed {
  const backoffMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** state.failures)
  const chance = clock.chance()
  // Never before the provider wants to be asked again.
  const wantedMs = Math.min(LONGEST_WAIT_MS, outcome.waitMs ?? 0) * (1 + chance / 4)
  const waitMs = Math.max(wantedMs, backoffMs * (0.75 + chance / 2))
  const until = later(clock.now(), waitMs)
  state.failures++
  state.retryAt = clock.elapsed() + waitMs
  state.failure = {
    cause: 'refresh-failed',
    scope: ACCOUNT,
    evidence: `its token could not be renewed: ${outcome.evidence}`,
    until,
  }
  observe.renewed(account, 'failed')
  log.warn(`The token of the account ${account.name} could not be renewed: ${outcome.evidence}.`, {
    account: account.name,
    retryAt: toIso(until),
  })
  return failed(state.failure)
}
