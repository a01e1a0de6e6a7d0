/**
 * Plain values for tests that are not about them: accounts and how they stand, situations,
 * keys, ledger rows, a clock that is told the time, a log that remembers. What a test is about,
 * it says; the rest comes from here.
 */
import type { ClientKey } from '../../src/core/access.ts'
import { type Account, type AccountId, toAccountId, toSealedSecret } from '../../src/core/account.ts'
import type { Failure } from '../../src/core/failure.ts'
import { type Cooldown, HEALTHY, NO_FAULTS } from '../../src/core/health.ts'
import type { LedgerRow } from '../../src/core/ledger.ts'
import type { Window } from '../../src/core/limits.ts'
import type { Owner } from '../../src/core/owner.ts'
import type { Clock } from '../../src/core/ports/clock.ts'
import type { Log } from '../../src/core/ports/log.ts'
import { type Binding, CACHE_LIFE_MS, type CacheFacts } from '../../src/core/session.ts'
import type {
  AccountView,
  FailedAttempt,
  RequestFacts,
  RetryPolicy,
  Situation,
} from '../../src/core/situation.ts'
import { HOUR, later, MINUTE, type Millis, SECOND, toMillis } from '../../src/core/time.ts'
import { NO_USAGE, type Usage } from '../../src/core/usage.ts'
import type { User } from '../../src/core/user.ts'
import type { Visit } from '../../src/core/visit.ts'
import { headroomOf, tightestOf, UNKNOWN_HEADROOM, UNUSED, type Use } from '../../src/core/window.ts'

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
  models: undefined,
  maxConcurrent: undefined,
  secret: toSealedSecret(`v1.sealed-${name}`),
  refreshSecret: undefined,
  tokenExpiresAt: undefined,
  credentialVersion: 1,
  planOnly: false,
  network: undefined,
  pausedAt: undefined,
  createdAt: NOON,
  ...fields,
})

type ViewFields = Partial<Omit<AccountView, 'account'>> & { readonly account?: Partial<Account> }

/** An account that is well and idle. */
export const sampleView = (name: string, { account, ...fields }: ViewFields = {}): AccountView => ({
  account: sampleAccount(name, account),
  health: HEALTHY,
  inFlight: 0,
  begun: 0,
  lastTurn: 0,
  probingSince: undefined,
  session: undefined,
  organization: undefined,
  plan: undefined,
  windows: [],
  tightest: 0,
  headroom: UNKNOWN_HEADROOM,
  expectedTokens: 0,
  worth: new Map(),
  meanMs: undefined,
  dueAt: 0,
  switched: undefined,
  origin: { faults: NO_FAULTS, probingSince: undefined },
  ...fields,
})

/** Windows, and what follows from them, as a pool would give them with the view. */
export const withWindows = (windows: readonly Window[], use: Partial<Use> = {}) => ({
  windows,
  tightest: tightestOf(windows, NOON),
  headroom: headroomOf(windows, NOON, { ...UNUSED, ...use }),
})

/** A conversation that was bound and used a minute ago, with a warm cache of 100,000 tokens. */
export const sampleBinding = (
  name: string,
  { cache = {}, ...fields }: Partial<Omit<Binding, 'cache'>> & { readonly cache?: Partial<CacheFacts> } = {},
): Binding => ({
  account: idOf(name),
  spill: undefined,
  boundAt: later(NOON, -HOUR),
  usedAt: later(NOON, -MINUTE),
  organization: undefined,
  cache: {
    lifeMs: CACHE_LIFE_MS,
    tokens: 100_000,
    touchedAt: later(NOON, -MINUTE),
    spillTokens: 0,
    paidUsd: 0,
    ...cache,
  },
  ...fields,
})

/** The whole account has spent its window at noon, and cools for an hour. */
export const sampleCooldown = (fields: Partial<Cooldown> = {}): Cooldown => ({
  scope: { kind: 'account' },
  cause: 'window-spent',
  evidence: 'its 5h window is spent (429)',
  since: NOON,
  until: later(NOON, HOUR),
  ...fields,
})

/** An attempt that blames nobody, with an answer that cannot be shown. */
export const sampleFailed = (
  name: string,
  cause: Failure['cause'],
  fields: Partial<Failure> = {},
): FailedAttempt => ({
  account: idOf(name),
  model: 'claude-sonnet-5-5',
  failure: { cause, scope: { kind: 'request' }, evidence: `${cause} seen`, ...fields },
  status: undefined,
  isPresentable: false,
  wasStaleConnection: false,
  isRenewed: false,
})

/** Who made something, in an organization that nobody knows. */
export const ownerOf = (name: string, organization?: string): Owner => ({
  account: idOf(name),
  organization,
})

type SituationFields = Partial<Omit<Situation, 'request'>> & { readonly request?: Partial<RequestFacts> }

export const SAMPLE_POLICY: RetryPolicy = {
  attemptsPerAccount: 3,
  delayMs: 1_000,
  backoff: 2,
  patienceMs: MINUTE,
  queueMs: 30 * SECOND,
  throttleWaitMs: 3 * SECOND,
  circuitFaults: 5,
  waitUsdPerSecond: 0.03,
}

/** A request has just come, at noon; nothing has been tried for it. */
export const sampleSituation = ({ request = {}, ...fields }: SituationFields): Situation => ({
  request: {
    model: 'claude-sonnet-5-5',
    wanted: 'model' in request ? request.model : 'claude-sonnet-5-5',
    class: 'interactive',
    tokens: 10_000,
    excluded: [],
    groups: undefined,
    holdUntil: undefined,
    conversation: 'c1',
    clientRetries: 0,
    owner: undefined,
    ...request,
  },
  accounts: [],
  binding: undefined,
  pin: undefined,
  failed: [],
  pool: undefined,
  reserves: [],
  spentUsd: () => 0,
  strategy: 'affinity',
  sessionMs: 5 * HOUR,
  policy: SAMPLE_POLICY,
  retriesLeft: 10,
  startedAt: NOON,
  waitedMs: 0,
  now: NOON,
  chance: 0.5,
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
  rules: {},
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

/** An owner with a password that nobody has typed. */
export const sampleUser = (name: string, fields: Partial<User> = {}): User => ({
  id: `id-${name}`,
  name,
  role: 'owner',
  passwordHash: `hash-${name}`,
  createdAt: NOON,
  disabledAt: undefined,
  ...fields,
})

export const sampleVisit = (name: string, fields: Partial<Visit> = {}): Visit => ({
  id: `visit-${name}`,
  digest: `digest-${name}`,
  name,
  role: 'viewer',
  way: 'password',
  userId: `id-${name}`,
  peer: '127.0.0.1',
  createdAt: NOON,
  usedAt: NOON,
  endsAt: later(NOON, 24 * HOUR),
  ...fields,
})
