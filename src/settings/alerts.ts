/** How often alerts are looked at and deliveries tried again. Declarations only. */
import { SECOND } from '../core/time.ts'
import { setting } from './setting.ts'
import { integer } from './values.ts'

export const ALERT_SETTINGS = {
  alertIntervalMs: setting('How often alert rules are looked at.', 15 * SECOND, integer(10), { isHot: true }),
  alertRetryMs: setting(
    'How long a delivery of an alert that failed waits for its first retry; each later one waits four times as long.',
    10 * SECOND,
    integer(10),
    { isHot: true },
  ),
} as const
