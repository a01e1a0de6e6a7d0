/**
 * The slow work on the history beside the ledger, in small portions with pauses: finer sums are
 * forgotten when they are past their time, and rows from before there was a history are brought
 * in. No decisions here.
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
  const inPortions = async (portion: () => Promise<boolean>): Promise<void> => {
    while (!isStopped && (await portion())) await clock.sleep(PAUSE_MS)
  }
  const trim = (): Promise<void> => inPortions(() => ledger.trimHistory(clock.now()))
  const first = async (): Promise<void> => {
    // First: what is past its time need not be brought in.
    await trim()
    if (await ledger.rollups.isWhole()) return
    log.info(
      'The ledger’s older rows are being brought into the history; until then it is read from the rows.',
    )
    await inPortions(ledger.bringInOld)
    if (!isStopped) log.info('The history has all of the ledger’s rows.')
  }
  const run = (work: () => Promise<void>): void =>
    void work().catch((error) => {
      if (!isStopped)
        log.warn('The history beside the ledger waits for the database.', { error: messageOf(error) })
    })
  const soon = setTimeout(run, SECOND, first)
  // What an outage has interrupted goes on here.
  const hourly = setInterval(run, HOUR, first)
  return () => {
    isStopped = true
    clearTimeout(soon)
    clearInterval(hourly)
  }
}
