/**
 * Asks providers how much of an account's quota is left, where they tell (`wire.md` §2.6,
 * §4.2): never on a request's path, never more often than the provider bears, further apart
 * after every failure. What it hears is shown and kept; it is held against nobody (G14).
 */
import type { Account, AccountId } from '../core/account.ts'
import { addedHeaders } from '../core/network.ts'
import { MINUTE, type Millis, SECOND } from '../core/time.ts'
import { parseEndpoint } from '../providers/base-url.ts'
import type { UsageEndpoint, UsageReading } from '../providers/provider.ts'
import { providerOf } from '../providers/registry.ts'
import { type Asked, ask, networkOf } from './ask.ts'
import type { KeeperContext } from './context.ts'

export type Polled =
  | { readonly kind: 'read' }
  /** Its provider has no such endpoint, or its base URL is unknown. */
  | { readonly kind: 'nothing-to-ask' }
  | { readonly kind: 'refused'; readonly evidence: string }
  | { readonly kind: 'failed'; readonly evidence: string }

export interface Poller {
  isDue(account: Account): boolean
  /** Asks now; `account` has a credential that can be sent. */
  poll(account: Account): Promise<Polled>
  /** Forgets accounts that are gone. */
  keepOnly(ids: ReadonlySet<AccountId>): void
}

interface State {
  /** In the clock's `elapsed` time, which nobody sets back. */
  dueAt: number
  failures: number
}

/** After the start accounts are asked one by one within so long. */
const FIRST_WITHIN_MS = MINUTE
const LONGEST_PAUSE_MS = 60 * MINUTE
/** Where the credential is not enough to ask, it will hardly become so within the hour. */
const REFUSED_PAUSE_MS = 60 * MINUTE

export function createPoller(context: KeeperContext): Poller {
  const { clock, settings } = context
  const states = new Map<AccountId, State>()
  const stateOf = (id: AccountId): State => {
    const state = states.get(id) ?? {
      dueAt: clock.elapsed() + clock.chance() * FIRST_WITHIN_MS,
      failures: 0,
    }
    states.set(id, state)
    return state
  }
  return {
    isDue(account) {
      const isAsked = settings().usagePollMs > 0 && providerOf(account.provider)?.usage !== undefined
      return isAsked && stateOf(account.id).dueAt <= clock.elapsed()
    },
    async poll(account) {
      const usage = providerOf(account.provider)?.usage
      if (usage === undefined) return { kind: 'nothing-to-ask' }
      const state = stateOf(account.id)
      // Whatever must not happen while it is asked is not met again at the very next look.
      state.dueAt = clock.elapsed() + usage.everyMs
      const reading = await read(account, usage, context)
      state.failures = reading.kind === 'windows' ? 0 : state.failures + 1
      state.dueAt = clock.elapsed() + pauseMsOf(reading, { usage, failures: state.failures }, context)
      return report(account, reading, context)
    },
    keepOnly(ids) {
      for (const id of states.keys()) if (!ids.has(id)) states.delete(id)
    },
  }
}

function pauseMsOf(
  reading: UsageReading,
  { usage, failures }: { readonly usage: UsageEndpoint; readonly failures: number },
  { clock, settings }: KeeperContext,
): number {
  const everyMs = Math.max(usage.everyMs, settings().usagePollMs)
  // Only ever later: what the provider bears is a floor.
  const jitter = 1 + clock.chance() / 5
  const pauseMs = Math.min(Math.max(everyMs, LONGEST_PAUSE_MS), everyMs * 2 ** failures)
  const namedMs = reading.kind === 'later' ? (reading.waitMs ?? 0) : 0
  const refusedMs = reading.kind === 'refused' ? REFUSED_PAUSE_MS : 0
  return Math.max(pauseMs * jitter, namedMs + SECOND, refusedMs)
}

function report(account: Account, reading: UsageReading, { pool, observe, log }: KeeperContext): Polled {
  if (reading.kind === 'windows') {
    pool.polled(account.id, reading.windows)
    observe.polled(account, 'read')
    return { kind: 'read' }
  }
  const { evidence } = reading
  log.debug(`The usage of the account ${account.name} was not told: ${evidence}.`, { account: account.name })
  const kind = reading.kind === 'refused' ? 'refused' : 'failed'
  observe.polled(account, kind)
  return { kind, evidence }
}

/** Each way to show the credential, until one is not refused. */
async function read(account: Account, usage: UsageEndpoint, context: KeeperContext): Promise<UsageReading> {
  const { secrets, clock } = context
  const endpoint = endpointOf(account, usage)
  if (endpoint === undefined) return { kind: 'later', evidence: 'its base URL is unknown' }
  const secret = secrets.open('account-credential', account.id, account.secret)
  const { proxy, ...network } = networkOf(account, secrets)
  const added = addedHeaders(network)
  let reading: UsageReading = { kind: 'refused', evidence: 'its credential cannot be shown' }
  for (const sign of usage.signs) {
    const question = {
      endpoint,
      method: 'GET',
      path: usage.path,
      headers: [...added, ...sign(secret)],
      proxy,
    } as const
    reading = toReading(await ask(context, question), usage, { host: endpoint.host, now: clock.now() })
    if (reading.kind !== 'refused') return reading
  }
  return reading
}

const toReading = (
  asked: Asked,
  usage: UsageEndpoint,
  asking: { readonly host: string; readonly now: Millis },
): UsageReading =>
  asked.kind === 'fault' ? { kind: 'later', evidence: asked.detail } : usage.read({ ...asked, ...asking })

/** A base URL of the account's own stands in for the whole vendor: its credential goes nowhere else (G5). */
function endpointOf({ baseUrl, provider }: Account, { origin }: UsageEndpoint) {
  const endpoint = parseEndpoint(baseUrl ?? origin ?? providerOf(provider)?.baseUrl ?? '')
  return endpoint === undefined ? undefined : { ...endpoint, path: '' }
}
