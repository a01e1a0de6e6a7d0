/** The rules that are there from the beginning: visible like any other, to be changed or turned off. */
import { HOUR, MINUTE, type Millis } from '../time.ts'
import type { AlertRule, Condition, Severity } from './rule.ts'

const BEGINNING: readonly (readonly [name: string, severity: Severity, when: Condition])[] = [
  [
    'account needs a sign-in',
    'critical',
    { kind: 'account-state', states: ['needs-login', 'error'], forMs: 0 },
  ],
  ['pool nearly empty', 'warning', { kind: 'runway-below', ms: HOUR }],
  ['many requests fail', 'warning', { kind: 'error-rate', share: 0.25, overMs: 15 * MINUTE, atLeast: 20 }],
]

export const defaultRules = (newId: () => string, createdAt: Millis): readonly AlertRule[] =>
  BEGINNING.map(([name, severity, when]) => ({
    id: newId(),
    name,
    when,
    scope: {},
    severity,
    isEnabled: true,
    cooldownMs: HOUR,
    mutedUntil: undefined,
    channels: undefined,
    createdAt,
  }))
