/**
 * What each account has cost today (UTC), for tiers of a pool with a budget. Kept in memory
 * and begun from the ledger at a start. Must not price anything itself.
 */
import type { AccountId } from '../core/account.ts'
import type { Clock } from '../core/ports/clock.ts'
import { EVERYBODY } from '../core/rules.ts'
import type { AccountView } from '../core/situation.ts'
import { type Millis, startOfDay } from '../core/time.ts'

export interface Spending {
  /** USD; of "*" everybody's. */
  readonly ofGroup: (group: string) => number
  spent(account: AccountId, usd: number): void
}

interface SpendingOptions {
  readonly clock: Clock
  readonly views: () => readonly AccountView[]
}

export function createSpending({ clock, views }: SpendingOptions): Spending {
  const byAccount = new Map<AccountId, number>()
  const byGroup = new Map<string, number>()
  let day: Millis | undefined
  let counted: readonly AccountView[] | undefined

  const turnPage = (): void => {
    const today = startOfDay(clock.now())
    if (day !== today) byAccount.clear()
    if (day !== today || counted !== views()) byGroup.clear()
    day = today
    counted = views()
  }
  const sumOf = (group: string): number => {
    let sum = 0
    for (const { account } of views()) {
      if (group === EVERYBODY || account.groups.includes(group)) sum += byAccount.get(account.id) ?? 0
    }
    return sum
  }
  return {
    ofGroup(group) {
      turnPage()
      const known = byGroup.get(group)
      if (known !== undefined) return known
      const sum = sumOf(group)
      byGroup.set(group, sum)
      return sum
    },
    spent(account, usd) {
      turnPage()
      if (usd === 0) return
      byAccount.set(account, (byAccount.get(account) ?? 0) + usd)
      byGroup.clear()
    },
  }
}
