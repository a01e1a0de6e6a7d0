/** Puts together what the control plane's handlers work with, out of the gateway's parts. */
import { createHash } from 'node:crypto'
import type { Services } from '../api/services.ts'
import type { SignInPurpose } from '../api/sign-ins.ts'
import type { Account } from '../core/account.ts'
import { type CertificateStatus, certificateProblems } from '../core/certificate.ts'
import { HEALTHY } from '../core/health.ts'
import type { LedgerRow } from '../core/ledger.ts'
import { UNKNOWN_STANDING } from '../core/standing.ts'
import { AGENT_KINDS } from '../dialects/messages/agent.ts'
import type { KeeperContext } from '../keeper/context.ts'
import type { Keeper } from '../keeper/keeper.ts'
import { probe } from '../keeper/probe.ts'
import { createSignIns } from '../keeper/sign-in.ts'
import { decryptWithPassphrase, encryptWithPassphrase } from '../platform/age.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { sha256 } from '../platform/digest.ts'
import { baseUrlProblem } from '../providers/base-url.ts'
import { PROVIDERS } from '../providers/registry.ts'
import type { ProxyContext } from '../proxy/context.ts'
import { dryRun } from '../proxy/dry-run.ts'
import type { Pool } from '../proxy/pool.ts'
import { toUserError } from '../storage/database.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { AgentLibrary } from './agents.ts'
import type { Alerts } from './alerts.ts'
import type { Feed } from './feed.ts'
import type { Foundation } from './foundation.ts'
import { createMaintenance } from './maintenance.ts'
import { createLiveSessions } from './sessions.ts'
import type { SigningIn } from './signing-in.ts'
import { VERSION } from './version.ts'

export interface Parts {
  readonly pool: Pool
  readonly metrics: Metrics
  readonly feed: Feed<LedgerRow>
  readonly keeper: Keeper
  readonly keeping: KeeperContext
  readonly context: ProxyContext
  readonly signingIn: SigningIn
  readonly certificate: (() => CertificateStatus) | undefined
  readonly alerts: Alerts
  readonly accountFeed: Services['accountFeed']
  readonly library: AgentLibrary
}

export function toServices(foundation: Foundation, parts: Parts): Services {
  const { storage, config, secrets, directory } = foundation
  const { pool, metrics, feed, keeper, keeping, context, signingIn, certificate } = parts
  return {
    ...storedIn(foundation),
    clock,
    keyUse: context.keyMeters.useOf,
    secrets,
    config,
    live: liveOf(pool),
    alerts: parts.alerts.service,
    sessions: createLiveSessions(context),
    routing: {
      rules: () => context.settings().rules,
      spentUsd: context.spending.ofGroup,
      explain: (question) => dryRun(question, context),
      waiting: context.line.places,
    },
    providers: PROVIDERS.map((provider) => ({
      ...provider,
      tellsUsage: provider.usage !== undefined,
      baseUrlProblem: (text) => baseUrlProblem(text, config.settings().allowedUpstreamHosts),
    })),
    ledgerStatus: storage.ledger.status,
    maintenance: createMaintenance(foundation),
    testAccount: async (account) => probe(await usableOf(account, keeper), keeping),
    refreshAccount: keeper.refresh,
    tokenReport: keeper.tokenReport,
    signIns: createSignIns<SignInPurpose>(keeping),
    sealedFiles: createSealedFiles(),
    historyId,
    feed,
    logs: foundation.logs,
    problems: () => problemsNow(foundation, certificate),
    accountFeed: parts.accountFeed,
    agents: { ...parts.library, builtIn: AGENT_KINDS },
    metrics: metrics.text,
    system: {
      version: VERSION,
      runtime: `Bun ${Bun.version}`,
      pid: process.pid,
      startedAt: clock.now(),
      dataDirectory: directory.path,
      database: { kind: storage.database.kind, place: storage.database.place },
      memoryBytes: () => process.memoryUsage.rss(),
      certificate,
    },
    door: signingIn.door,
    passwords: signingIn.passwords,
    newId: () => Bun.randomUUIDv7(),
    newKey,
  }
}

const problemsNow = (
  { problems, logFile }: Foundation,
  certificate: Parts['certificate'],
): readonly string[] => [...problems.list(), ...logProblems(logFile), ...problemsOf(certificate)]

const logProblems = (file: Foundation['logFile']): readonly string[] =>
  file?.problem === undefined
    ? []
    : [`The log file ${file.path} cannot be written: ${file.problem}. ${file.dropped} lines are lost.`]

const problemsOf = (certificate: Parts['certificate']): readonly string[] =>
  certificate === undefined ? [] : certificateProblems(certificate(), clock.now())

const storedIn = ({ storage, payloads }: Foundation) => ({
  accounts: storage.accounts,
  credentials: storage.credentials,
  events: storage.events,
  readings: storage.readings,
  terms: storage.terms,
  keys: storage.keys,
  requests: storage.requests,
  payloads,
  users: storage.users,
  audit: storage.audit,
  sessionLog: storage.sessions,
  async addHistory(rows: Parameters<Services['addHistory']>[0]) {
    try {
      return await storage.ledger.addOld(rows)
    } catch (error) {
      throw toUserError(error, 'Rows of this history are being added by somebody else.')
    }
  },
})

const liveOf = (pool: Pool): Services['live'] => ({
  of(id) {
    const view = pool.views().find(({ account }) => account.id === id)
    const { health = HEALTHY, inFlight = 0, session } = view ?? {}
    const standing = view === undefined ? UNKNOWN_STANDING : pool.standingOf(id)
    return { health, inFlight, session, windows: pool.windowsOf(id), standing }
  },
  clear: pool.clear,
  learned: pool.learned,
})

/** One after the other: each takes a quarter of a gigabyte while it works. */
function createSealedFiles(): Services['sealedFiles'] {
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = (work: () => Promise<string>): Promise<string> => {
    const mine = last.then(work)
    last = mine.catch(() => {})
    return mine
  }
  return {
    encrypt: (text, passphrase) => inTurn(() => encryptWithPassphrase(text, passphrase)),
    decrypt: (file, passphrase) => inTurn(() => decryptWithPassphrase(file, passphrase)),
  }
}

/** With a token that is about to end the test would say nothing about the account. */
async function usableOf(account: Account, { tokens }: Keeper): Promise<Account> {
  const usable = await tokens.usable(account)
  if ('id' in usable) return usable
  return usable.kind === 'fresh' ? usable.account : account
}

/** Shaped as a UUID of version 7, so that the rows sort by their time among the others. */
function historyId(source: string, id: string, at: number): string {
  const time = Math.max(0, at).toString(16).padStart(12, '0')
  const rest = createHash('sha256').update(`${source}\n${id}`).digest('hex')
  const parts = [
    time.slice(0, 8),
    time.slice(8, 12),
    `7${rest.slice(0, 3)}`,
    `8${rest.slice(3, 6)}`,
    rest.slice(6, 18),
  ]
  return parts.join('-')
}

/** 256 random bits; what is stored is their SHA-256. */
function newKey(): { readonly secret: string; readonly digest: string; readonly hint: string } {
  const secret = `spk_${crypto.getRandomValues(Buffer.alloc(32)).toString('base64url')}`
  return { secret, digest: sha256(secret), hint: secret.slice(-4) }
}
