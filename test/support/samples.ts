/**
 * Plain values for tests that are not about them: accounts, keys, ledger rows, a clock that is
 * told the time, a log that remembers. What a test is about, it says; the rest comes from here.
 */
import type { ClientKey } from '../../src/core/access.ts'
import { type Account, type AccountId, toAccountId, toSealedSecret } from '../../src/core/account.ts'
import type { LedgerRow } from '../../src/core/ledger.ts'
import type { Clock } from '../../src/core/ports/clock.ts'
import type { Log } from '../../src/core/ports/log.ts'
import { type Millis, toMillis } from '../../src/core/time.ts'
import { NO_USAGE, type Usage } from '../../src/core/usage.ts'

/** 2026-11-20T12:00:00Z */
export const NOON: Millis = toMillis(Date.UTC(2026, 10, 20, 12))

export const idOf = (name: string): AccountId => toAccountId(`id-${name}`)

export const sampleAccount = (name: string, fields: Partial<Account> = {}): Account => ({
  id: idOf(name),
  name,
  provider: 'console',
  baseUrl: undefined,
  priority: 0,
  weight: 1,
  tier: 1,
  groups: [],
  modelMap: new Map(),
  secret: toSealedSecret(`v1.sealed-${name}`),
  pausedAt: undefined,
  createdAt: NOON,
  ...fields,
})

export const sampleKey = (name: string, fields: Partial<ClientKey> = {}): ClientKey => ({
  id: `id-${name}`,
  name,
  digest: `digest-${name}`,
  hint: name.slice(-4),
  createdAt: NOON,
  disabledAt: undefined,
  revokedAt: undefined,
  ...fields,
})

type RowFields = Partial<Omit<LedgerRow, 'usage'>> & { readonly usage?: Partial<Usage> }

/** The id of the row with a number: greater numbers are later rows. */
export const rowIdOf = (number: number): string => `row-${String(number).padStart(8, '0')}`

/** A row that account "a" served, as the ledger gives it back. */
export const sampleRow = (number: number, { usage = {}, ...fields }: RowFields = {}): LedgerRow => ({
  id: rowIdOf(number),
  startedAt: toMillis(NOON + number),
  method: 'POST',
  path: '/v1/messages',
  dialect: 'anthropic',
  provider: 'console',
  accountId: idOf('a'),
  account: 'a',
  keyId: undefined,
  key: undefined,
  session: undefined,
  agent: undefined,
  model: 'claude-sonnet-5-5',
  servedModel: 'claude-sonnet-5-5',
  stream: false,
  status: 200,
  outcome: 'ok',
  attempts: [{ account: 'a', status: 200, ms: 12 }],
  decision: { strategy: 'affinity', reason: 'best priority', candidates: [{ account: 'a' }] },
  ttftMs: undefined,
  durationMs: 12,
  usage: { ...NO_USAGE, inputTokens: 10, outputTokens: 5, complete: true, ...usage },
  costUsd: 0.25,
  error: undefined,
  ...fields,
})

/** Time stands still until the test moves it. */
export function manualClock(start: Millis = NOON): Clock & { advance(ms: number): void } {
  let passed = 0
  return {
    now: () => toMillis(start + passed),
    elapsed: () => passed,
    sleep: () => Promise.resolve(),
    after: () => () => {},
    chance: () => 0.5,
    advance(ms) {
      passed += ms
    },
  }
}

/** Every line as "level message". */
export function memoryLog(): Log & { readonly lines: readonly string[] } {
  const lines: string[] = []
  return {
    lines,
    debug: (message) => void lines.push(`debug ${message}`),
    info: (message) => void lines.push(`info ${message}`),
    warn: (message) => void lines.push(`warn ${message}`),
    error: (message) => void lines.push(`error ${message}`),
  }
}
