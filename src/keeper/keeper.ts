/**
 * Keeps accounts usable while the gateway runs: renews tokens ahead of their end, polls usage,
 * learns whose account it is, and looks every five minutes how the tokens stand. One look at
 * everything every few seconds; nothing here is on a request's path but the tokens it hands
 * out. Must not choose accounts.
 */
import type { Account, AccountId } from '../core/account.ts'
import { GatewayError } from '../core/error.ts'
import type { Tokens } from '../core/ports/tokens.ts'
import { DAY, HOUR, later, MINUTE, type Millis, SECOND } from '../core/time.ts'
import { isRenewable, type TokenHealth, type TokenStatus, tokenHealthOf } from '../core/token.ts'
import { providerOf } from '../providers/registry.ts'
import type { KeeperContext } from './context.ts'
import { createPoller, type Polled, type Poller } from './poller.ts'
import { learnProfile } from './profile.ts'
import { createRefresher, type Refresher } from './refresher.ts'

export interface Keeper {
  readonly tokens: Tokens
  /** Begins to look after the accounts; the result ends it. */
  start(): () => void
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
const PROFILE_MS = DAY
const PROFILE_RETRY_MS = HOUR

interface State {
  readonly context: KeeperContext
  readonly refresher: Refresher
  readonly poller: Poller
  readonly profileDueAt: Map<AccountId, Millis>
  readonly lastStatus: Map<AccountId, TokenStatus>
  checkedAt: Millis
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
    checkedAt: context.clock.now(),
  }
  return {
    tokens: refresher,
    look: () => look(state),
    refresh: (account) => refresh(account, state),
    tokenReport: () => report(state),
    start() {
      let isStopped = false
      let cancel = (): void => {}
      const next = (): void => {
        if (!isStopped) cancel = context.clock.after(LOOK_MS, () => void look(state).finally(next))
      }
      check(state)
      next()
      return () => {
        isStopped = true
        cancel()
      }
    },
  }
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
  if (context.clock.now() - state.checkedAt >= CHECK_MS) check(state)
}

/** A bug with one account must not keep the others from being looked after. */
async function lookAfter(account: Account, state: State): Promise<void> {
  const { context, refresher, poller } = state
  const isResting = account.pausedAt !== undefined || context.pool.healthOf(account.id).login !== undefined
  if (isResting) return
  try {
    if (refresher.isDue(account)) await refresher.renew(account)
    if (isProfileDue(account, state)) await learn(account, state)
    if (poller.isDue(account)) await poll(account, state)
  } catch (error) {
    context.log.error('An account could not be looked after.', error, { account: account.name })
  }
}

function isProfileDue({ id, provider }: Account, { profileDueAt, context }: State): boolean {
  return providerOf(provider)?.credential === 'sign-in' && (profileDueAt.get(id) ?? 0) <= context.clock.now()
}

async function learn(account: Account, state: State): Promise<void> {
  const { context, profileDueAt } = state
  const ready = await withCredential(account, state)
  const isTold = ready !== undefined && (await learnProfile(ready, context))
  profileDueAt.set(account.id, later(context.clock.now(), isTold ? PROFILE_MS : PROFILE_RETRY_MS))
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
  if (polled.kind === 'failed' || polled.kind === 'refused')
    context.log.warn(`The usage of ${account.name} was not told: ${polled.evidence}.`, {
      account: account.name,
    })
}

/** Says when a token's standing has changed for the worse, and once when it is well again. */
function check(state: State): void {
  const { context, lastStatus } = state
  state.checkedAt = context.clock.now()
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
