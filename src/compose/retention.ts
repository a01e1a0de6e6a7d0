/** Forgets what is past its retention, and thins old readings: hourly, in small portions, with pauses between. */
import type { Clock } from '../core/ports/clock.ts'
import type { Log } from '../core/ports/log.ts'
import { DAY, HOUR, later, MINUTE, toMillis } from '../core/time.ts'
import type { Storage } from '../storage/storage.ts'
import type { ConfigService } from './config-service.ts'

const PAUSE_MS = 50

export function startRetention(
  {
    requests,
    readings,
    keyUsage,
    sessions,
  }: Pick<Storage, 'requests' | 'readings' | 'keyUsage' | 'sessions'>,
  config: ConfigService,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): () => void {
  let isStopped = false
  const run = async (): Promise<void> => {
    await readings.thin(clock.now())
    await keyUsage.forget(clock.now())
    const days = config.settings().requestRetentionDays
    const oldest = days === 0 ? toMillis(0) : later(clock.now(), -days * DAY)
    while (!isStopped && (await sessions.forget(oldest)) > 0) await clock.sleep(PAUSE_MS)
    if (days === 0) return
    const before = later(clock.now(), -days * DAY)
    let forgotten = 0
    for (let count = 1; count > 0 && !isStopped; forgotten += count) {
      count = await requests.forget(before)
      await clock.sleep(PAUSE_MS)
    }
    if (forgotten > 0) log.info(`${forgotten} ledger rows older than ${days} days were forgotten.`)
  }
  const start = (): void =>
    void run().catch((error) => log.error('Old ledger rows could not be forgotten.', error))
  const first = setTimeout(start, MINUTE)
  const timer = setInterval(start, HOUR)
  return () => {
    isStopped = true
    clearTimeout(first)
    clearInterval(timer)
  }
}
