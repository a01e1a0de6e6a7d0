/**
 * Tells routing how fast each account's windows are being used up: every minute, from the
 * readings of the last hours, for all accounts at once. Whoever was not read for hours has no
 * pace. Must not be on a request's path; what it cannot read it leaves as it was told last.
 */
import type { AccountId } from '../core/account.ts'
import type { Reading } from '../core/forecast-growth.ts'
import { pacesOf, presentSince } from '../core/forecast-pace.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { Log } from '../core/ports/log.ts'
import type { AccountStore, ReadingStore } from '../core/ports/stores.ts'
import { readAll } from '../core/reading-pages.ts'
import { MINUTE } from '../core/time.ts'

export interface PacerContext {
  readonly clock: Clock
  readonly log: Log
  readonly accounts: Pick<AccountStore, 'all'>
  readonly readings: Pick<ReadingStore, 'list'>
  /** Told of every account each time; by window, the fraction of it that is used up in an hour. */
  readonly paced: (id: AccountId, paces: ReadonlyMap<string, number>) => void
  /** A minute unless given. */
  readonly everyMs?: number
}

export interface Pacer {
  /** Reckons now and then again and again; the result ends it. */
  start(): () => void
  /** Once. */
  pace(): Promise<void>
}

const EVERY_MS = MINUTE

export function createPacer(context: PacerContext): Pacer {
  const { clock, log, everyMs = EVERY_MS } = context
  const pace = () => paceAll(context)
  return {
    pace,
    start() {
      let isOver = false
      let cancel = (): void => {}
      const turn = async (): Promise<void> => {
        await pace().catch((error) => {
          // Where everything is being closed, the readings may be closed already.
          if (!isOver) log.error('The pace of the accounts could not be reckoned.', error)
        })
        // Only now: where reading takes long, no second one begins beside it.
        if (!isOver) cancel = clock.after(everyMs, () => void turn())
      }
      void turn()
      return () => {
        isOver = true
        cancel()
      }
    },
  }
}

async function paceAll({ clock, accounts, readings, paced }: PacerContext): Promise<void> {
  const now = clock.now()
  const recent = await readAll(readings, { since: presentSince(now), until: now })
  const byAccount = new Map<AccountId, Reading[]>()
  for (const reading of recent) {
    const own = byAccount.get(reading.account) ?? []
    byAccount.set(reading.account, own)
    own.push(reading)
  }
  for (const { id } of accounts.all()) paced(id, pacesOf(byAccount.get(id) ?? [], now))
}
