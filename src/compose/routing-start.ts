/** What routing needs when the gateway starts, and what operators see of it beside the API. */
import { messageOf } from '../core/error.ts'
import type { RoutingRules } from '../core/rules.ts'
import { checkRules } from '../core/rules-check.ts'
import { startOfDay } from '../core/time.ts'
import { systemClock as clock } from '../platform/clock.ts'
import type { Line } from '../proxy/line.ts'
import type { Spending } from '../proxy/spending.ts'
import type { Foundation } from './foundation.ts'

/** What was spent today before this start. */
export async function readSpending(spending: Spending, { storage, log }: Foundation): Promise<void> {
  try {
    for (const { name, costUsd } of await storage.requests.sumsBy('account', startOfDay(clock.now()))) {
      const account = storage.accounts.all().find((each) => each.name === name)
      if (account !== undefined) spending.spent(account.id, costUsd)
    }
  } catch (error) {
    log.warn('What was spent today could not be read; budgets of groups count from now on.', {
      error: messageOf(error),
    })
  }
}

/** How many stand in line, by class. */
export const waitingByClass = (line: Line) =>
  (['interactive', 'background'] as const).map(
    (name) => [[name], line.places().filter((place) => place.class === name).length] as const,
  )

/** Without a budget nobody needs to know what the day has cost so far. */
export const hasBudgets = ({ pools }: RoutingRules): boolean =>
  [...pools.values()].some(({ tiers }) => tiers.some(({ usdPerDay }) => usdPerDay !== undefined))

/** Rules were checked when they were set, but accounts come and go, and a file is written by anybody. */
export function warnOfRules(rules: RoutingRules, { storage, log }: Foundation): void {
  for (const { path, message } of checkRules(rules, storage.accounts.all()))
    log.warn(`The setting ${path} cannot work as it is: ${message}`)
}
