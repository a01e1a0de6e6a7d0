/** Opens what is kept of bodies, by the live settings, and looks after its bounds every hour. */
import type { Log } from '../core/ports/log.ts'
import { HOUR, MINUTE } from '../core/time.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { type ClosablePayloads, createPayloads } from '../storage/payloads.ts'
import type { ConfigService } from './config-service.ts'

interface PayloadPlace {
  readonly file: string
  readonly key: Buffer
}

export function openPayloads(
  { file, key }: PayloadPlace,
  { settings }: Pick<ConfigService, 'settings'>,
  log: Log,
): ClosablePayloads {
  const payloads = createPayloads({
    file,
    key: () => key,
    settings: () => {
      const { payloadBudgetBytes, payloadRetentionDays, payloadRedactions } = settings()
      return {
        budgetBytes: payloadBudgetBytes,
        retentionDays: payloadRetentionDays,
        patterns: payloadRedactions,
      }
    },
    clock,
    log,
  })
  const trim = (): void =>
    void payloads.trim().catch((error) => log.error('Old payloads could not be forgotten.', error))
  const first = setTimeout(trim, MINUTE).unref()
  const timer = setInterval(trim, HOUR).unref()
  return {
    ...payloads,
    async close() {
      clearTimeout(first)
      clearInterval(timer)
      await payloads.close()
    },
  }
}
