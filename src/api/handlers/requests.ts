/** The handlers that read the ledger: pages, single requests and sums. */
import { GatewayError } from '../../core/error.ts'
import type { RequestFilter } from '../../core/ports/request-log.ts'
import { type Millis, toIso } from '../../core/time.ts'
import type { Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import { readMoment } from '../moments.ts'
import type { Services } from '../services.ts'
import { toRequestView } from '../views.ts'

export function requestHandlers(
  services: Services,
): Pick<Handlers, 'listRequests' | 'showRequest' | 'stats'> {
  const { requests, payloads, clock } = services
  return {
    async listRequests({ query }) {
      const rows = await requests.list({ ...toFilter(query, clock.now()), ...byIds(query, services) })
      const page = rows.slice(0, query.limit)
      const last = page.at(-1)
      return {
        requests: page.map(toRequestView),
        ...(rows.length > query.limit && last !== undefined ? { nextCursor: last.id } : {}),
      }
    },
    async showRequest({ params }) {
      const row = await requests.get(params.id)
      if (row === undefined)
        throw new GatewayError('not-found', `There is no request ${params.id} in the ledger.`)
      return { ...toRequestView(row), hasPayload: await payloads.has(params.id).catch(() => false) }
    },
    async stats({ query }) {
      const since = query.since === undefined ? undefined : readMoment('since', query.since, clock.now())
      const [totals, accounts, models, keys] = await Promise.all([
        requests.sums(since),
        requests.sumsBy('account', since),
        requests.sumsBy('model', since),
        requests.sumsBy('key', since),
      ])
      const named = (list: typeof accounts) =>
        list.map(({ name, ...sums }) => ({ ...sums, name: name ?? null }))
      return {
        since: since === undefined ? null : toIso(since),
        totals,
        accounts: named(accounts),
        models: named(models),
        keys: named(keys),
      }
    },
  }
}

/** Whoever is called so now is meant, under each name that it had; a name that nobody has now is looked for as it was. */
function byIds(
  { account, key }: Input<'listRequests'>['query'],
  { accounts, keys }: Services,
): Pick<RequestFilter, 'account' | 'key'> {
  return {
    ...(account === undefined ? {} : { account: idOf(accounts.all(), account) }),
    ...(key === undefined ? {} : { key: idOf(keys.all(), key) }),
  }
}

export const idOf = (
  all: readonly { readonly id: string; readonly name: string }[],
  idOrName: string,
): string => all.find(({ name }) => name === idOrName)?.id ?? idOrName

/** One row more than asked for tells whether there is another page. */
function toFilter(
  { limit, cursor, status, since, until, ...same }: Input<'listRequests'>['query'],
  now: Millis,
): RequestFilter {
  const given = Object.fromEntries(Object.entries(same).filter(([, value]) => value !== undefined))
  return {
    ...given,
    ...(typeof status === 'number' ? { status } : {}),
    ...(typeof status === 'string' ? { outcome: status } : {}),
    ...(since === undefined ? {} : { since: readMoment('since', since, now) }),
    ...(until === undefined ? {} : { until: readMoment('until', until, now) }),
    ...(cursor === undefined ? {} : { before: cursor }),
    limit: limit + 1,
  }
}
