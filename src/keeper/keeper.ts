/**
 * Keeps accounts usable while the gateway runs: renews tokens ahead of their end, polls usage,
 * learns whose account it is, looks every five minutes how the tokens stand, and has routing
 * told of the accounts' paces (pacer.ts). One look at everything every few seconds; nothing
 * here is on a request's path but the tokens it hands out. Must not choose accounts.
 */
import type { Account, AccountId } from '../core/account.ts'
import { GatewayError } from '../core/error.ts'
import type { Tokens } from '../core/ports/tokens.ts'
import { DAY, HOUR, MINUTE, type Millis, SECOND } from '../core/time.ts'
import { isRenewable, type TokenHealth, type TokenStatus, tokenHealthOf } from '../core/token.ts'
import { providerOf } from '../providers/registry.ts'
import type { KeeperContext } from './context.ts'
import { createPacer } from './pacer.ts'
import { createPoller, type Polled, type Poller } from './poller.ts'
import { learnProfile } from './profile.ts'
import { createRefresher, endOf, type Refresher } from './refresher.ts'

export interface Keeper {
  readonly tokens: Tokens
  /** Begins to look after the accounts; the result ends it. */
  start(): () => void
  /** Resolves when no renewal is under way, at the latest after a few seconds: before everything is closed. */
  settled(): Promise<void>
  /** One look at everything; resolves when all that was due is done. */
  look(): Promise<void>
  /** Renews, polls and asks now, as far as the account's provider has something to ask. Throws GatewayError. */
  refresh(account: Account): Promise<void>
  tokenReport(): TokenReport
}

export interface TokenReport {
  readonly checkedAt: Millis
  readonly tokens: readonly (TokenHealth & { readonly account: Account })[]
}

const LOOK_MS = 5 * SECOND
const CHECK_MS = 5 * MINUTE
/** Whoever ends the gateway does not wait for long. */
const SETTLE_MS = 5 * SECOND
const PROFILE_MS = DAY
const PROFILE_RETRY_MS = HOUR

interface State {
  readonly context: KeeperContext
  readonly refresher: Refresher
  readonly poller: Poller
  /** In the clock's `elapsed` time, as `nextCheckAt`: nobody sets that back. */
  readonly profileDueAt: Map<AccountId, number>
  readonly lastStatus: Map<AccountId, TokenStatus>
  /** Those that an earlier look is still busy with. */
  readonly busy: Set<AccountId>
  checkedAt: Millis
  nextCheckAt: number
}

export function createKeeper(context: KeeperContext): Keeper {
  const refresher = createRefresher(context)
  const poller = createPoller(context)
  const state: State = {
    context,
    refresher,
    poller,
    profileDueAt: new Map(),
    lastStatus: new Map(),
    busy: new Set(),
    checkedAt: context.clock.now(),
    nextCheckAt: 0,
  }
  return {
    tokens: refresher,
    look: () => look(state),
    refresh: (account) => refresh(account, state),
    settled: () => settled(state),
    tokenReport: () => report(state),
    start() {
      let cancel = (): void => {}
      const next = (): void => {
        cancel = context.clock.after(LOOK_MS, () => {
          // One account that takes long holds nobody else up.
          next()
          void look(state)
        })
      }
      check(state)
      next()
      const { pacing } = context
      const stopPacing = pacing === undefined ? undefined : createPacer({ ...context, ...pacing }).start()
      return () => {
        cancel()
        stopPacing?.()
      }
    },
  }
}

async function settled({ refresher, context: { clock } }: State): Promise<void> {
  const limit = new AbortController()
  await Promise.race([refresher.settled(), clock.sleep(SETTLE_MS, limit.signal)])
  limit.abort()
}

async function look(state: State): Promise<void> {
  const { context, refresher, poller } = state
  const accounts = context.accounts.all()
  const ids = new Set(accounts.map(({ id }) => id))
  refresher.keepOnly(ids)
  poller.keepOnly(ids)
  for (const map of [state.profileDueAt, state.lastStatus])
    for (const id of map.keys()) if (!ids.has(id)) map.delete(id)
  await Promise.all(accounts.map((account) => lookAfter(account, state)))
  if (context.clock.elapsed() >= state.nextCheckAt) check(state)
}

/** A bug with one account must not keep the others from being looked after. */
async function lookAfter({ id, name }: Account, state: State): Promise<void> {
  const { context, busy } = state
  if (busy.has(id)) return
  busy.add(id)
  try {
    for (const { isDue, work } of DUTIES) {
      // Each as the account is by then: the one before may have brought a new token, or its end.
      const account = context.accounts.all().find((each) => each.id === id)
      if (account === undefined || isResting(account, context)) return
      if (isDue(account, state)) await work(account, state)
    }
  } catch (error) {
    context.log.error('An account could not be looked after.', error, { account: name })
  } finally {
    busy.delete(id)
  }
}

const isResting = ({ id, pausedAt }: Account, { pool }: KeeperContext): boolean =>
  pausedAt !== undefined || pool.healthOf(id).login !== undefined

interface Duty {
  readonly isDue: (account: Account, state: State) => boolean
  readonly work: (account: Account, state: State) => Promise<unknown>
}

const DUTIES: readonly Duty[] = [
  {
    isDue: (account, { context }) => hasEnded(account, context.clock.now()) && !isRenewable(account),
    // Said at once, and not only by the next request.
    work: async (account, { context }) => context.pool.failed(account.id, endOf(account)),
  },
  {
    isDue: (account, { refresher }) => refresher.isDue(account),
    work: (account, { refresher }) => refresher.renew(account),
  },
  { isDue: isProfileDue, work: learn },
  { isDue: (account, { poller }) => poller.isDue(account), work: poll },
]

const hasEnded = ({ tokenExpiresAt }: Account, now: Millis): boolean =>
  tokenExpiresAt !== undefined && tokenExpiresAt <= now

function isProfileDue({ id, provider }: Account, { profileDueAt, context }: State): boolean {
  return (
    providerOf(provider)?.credential === 'sign-in' && (profileDueAt.get(id) ?? 0) <= context.clock.elapsed()
  )
}

async function learn(account: Account, state: State): Promise<void> {
  const { context, profileDueAt } = state
  // Whatever must not happen while it is asked is not met again at the very next look.
  profileDueAt.set(account.id, context.clock.elapsed() + PROFILE_RETRY_MS)
  const ready = await withCredential(account, state)
  const isTold = ready !== undefined && (await learnProfile(ready, context))
  if (isTold) profileDueAt.set(account.id, context.clock.elapsed() + PROFILE_MS)
}

async function poll(account: Account, state: State): Promise<Polled | undefined> {
  const ready = await withCredential(account, state)
  return ready === undefined ? undefined : state.poller.poll(ready)
}

async function withCredential(account: Account, { refresher }: State): Promise<Account | undefined> {
  const usable = await refresher.usable(account)
  if ('id' in usable) return usable
  return usable.kind === 'fresh' ? usable.account : undefined
}

async function refresh(account: Account, state: State): Promise<void> {
  const { refresher, context } = state
  const provider = providerOf(account.provider)
  if (!isRenewable(account) && provider?.usage === undefined) {
    throw new GatewayError(
      'bad-request',
      `There is nothing to refresh: the key of ${account.name} does not end by itself, and its provider does not tell its usage.`,
    )
  }
  let present = account
  if (isRenewable(account)) {
    const renewed = await refresher.renew(account)
    if (renewed.kind === 'failed') {
      const code = renewed.failure.cause === 'login-required' ? 'conflict' : 'unavailable'
      throw new GatewayError(
        code,
        `${account.name}: ${renewed.failure.evidence}.${code === 'conflict' ? ` Sign in again with "spillway accounts login ${account.name}".` : ' The old token is used while it lives.'}`,
      )
    }
    present = renewed.account
  }
  if (provider?.credential === 'sign-in') await learnProfile(present, context)
  const polled = await state.poller.poll(present)
  if (polled.kind !== 'failed' && polled.kind !== 'refused') return
  const message = `The usage of ${account.name} was not told: ${polled.evidence}.`
  // Where a token was renewed, that much has been done.
  if (!isRenewable(account)) throw new GatewayError('unavailable', message)
  context.log.warn(message, { account: account.name })
}

/** Says when a token's standing has changed for the worse, and once when it is well again. */
function check(state: State): void {
  const { context, lastStatus } = state
  state.checkedAt = context.clock.now()
  state.nextCheckAt = context.clock.elapsed() + CHECK_MS
  for (const { account, status, message, remedy } of report(state).tokens) {
    const before = lastStatus.get(account.id)
    lastStatus.set(account.id, status)
    if (before === status || (before === undefined && status === 'healthy')) continue
    const fields = { account: account.name, status }
    // A token that is renewed by itself is nobody's affair.
    if (remedy !== undefined) context.log.warn(`The account ${account.name}: ${message} ${remedy}`, fields)
    else context.log.debug(`The token of ${account.name} is ${status}.`, fields)
  }
}

function report({ context, checkedAt }: State): TokenReport {
  const { accounts, pool, clock } = context
  const now = clock.now()
  return {
    checkedAt,
    tokens: accounts.all().flatMap((account) => {
      const health = tokenHealthOf(account, pool.healthOf(account.id), now)
      return health === undefined ? [] : [{ ...health, account }]
    }),
  }
}
