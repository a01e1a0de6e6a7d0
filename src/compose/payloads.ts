/** Opens what is kept of bodies, by the live settings. Its age is looked after by retention.ts. */
import type { Log } from '../core/ports/log.ts'
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
  return createPayloads({
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
}
