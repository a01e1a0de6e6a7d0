/**
 * Brings rows from before there was a history into it, in small portions with pauses. Must not
 * forget anything: that is retention.ts.
 */
import { messageOf } from '../core/error.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { Log } from '../core/ports/log.ts'
import { HOUR, SECOND } from '../core/time.ts'
import type { Storage } from '../storage/storage.ts'

const PAUSE_MS = 20

/** Returns what ends it. */
export function startHistory(
  { ledger }: Pick<Storage, 'ledger'>,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): () => void {
  let isStopped = false
  const bringIn = async (): Promise<void> => {
    if (await ledger.rollups.isWhole()) return
    log.info(
      'The ledger’s older rows are being brought into the history; until then it is read from the rows.',
    )
    while (!isStopped && (await ledger.bringInOld())) await clock.sleep(PAUSE_MS)
    if (!isStopped) log.info('The history has all of the ledger’s rows.')
  }
  const run = (): void =>
    void bringIn().catch((error) => {
      if (!isStopped)
        log.warn('The history beside the ledger waits for the database.', { error: messageOf(error) })
    })
  const soon = setTimeout(run, SECOND)
  // What an outage has interrupted goes on here.
  const hourly = setInterval(run, HOUR)
  return () => {
    isStopped = true
    clearTimeout(soon)
    clearInterval(hourly)
  }
}
