/** The handlers about how accounts keep: their tokens, and their windows over time. */
import { toIso } from '../../core/time.ts'
import type { Answer, Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import { readMoment } from '../moments.ts'
import type { Services } from '../services.ts'
import { findAccount } from './account-input.ts'

export function upkeepHandlers(services: Services): Pick<Handlers, 'tokenHealth' | 'usageHistory'> {
  return {
    async tokenHealth() {
      const { checkedAt, tokens } = services.tokenReport()
      return {
        checkedAt: toIso(checkedAt),
        tokens: tokens.map(({ account, status, expiresAt, message, remedy }) => ({
          account: account.name,
          provider: account.provider,
          status,
          expiresAt: expiresAt === undefined ? null : toIso(expiresAt),
          renewsItself: account.refreshSecret !== undefined,
          message,
          ...(remedy === undefined ? {} : { remedy }),
        })),
      }
    },
    usageHistory: ({ query }) => usageHistory(services, query),
  }
}

/** One reading more than asked for tells whether that is all. */
async function usageHistory(
  services: Services,
  { account, window, since, until, limit }: Input<'usageHistory'>['query'],
): Promise<Answer<'usageHistory'>> {
  const now = services.clock.now()
  const names = new Map(services.accounts.all().map(({ id, name }) => [id, name]))
  const found = await services.readings.list({
    ...(account === undefined ? {} : { account: findAccount(services, account).id }),
    ...(window === undefined ? {} : { window }),
    since: readMoment('since', since, now),
    until: until === undefined ? now : readMoment('until', until, now),
    limit: limit + 1,
  })
  return {
    readings: found.slice(0, limit).map((reading) => ({
      account: names.get(reading.account) ?? reading.account,
      window: reading.window,
      at: toIso(reading.at),
      utilization: reading.utilization ?? null,
      resetsAt: reading.resetsAt === undefined ? null : toIso(reading.resetsAt),
      status: reading.status ?? null,
    })),
    isWhole: found.length <= limit,
  }
}
