/**
 * Remembers what conversations have been answered, as far as the runaway brake needs it, and
 * carries out what it says: a warning in the answer's head, or a refusal. Bounded: the
 * conversations longest without an answer are forgotten first (G10).
 */
import {
  type BrakePolicy,
  NEW_TRAIL,
  type Runaway,
  runawayIn,
  type Trail,
  trailAfter,
  withinLastMinute,
} from '../core/brake.ts'
import { GatewayError } from '../core/error.ts'
import type { Headers } from '../core/headers.ts'
import type { LedgerRow } from '../core/ledger.ts'
import { promptTokensOf } from '../core/usage.ts'
import type { ProxyContext } from './context.ts'
import type { Job } from './job.ts'

export interface Brake {
  /** What it sees in this request; undefined where nothing is wrong. */
  check(conversation: string, digest: string | undefined, policy: BrakePolicy): Runaway | undefined
  /** A request is over; `digest` undefined where it was not answered. */
  ended(conversation: string, digest: string | undefined, tokens: number): void
  /** Whether this is the first that is seen of it; it is told of once. */
  isNews(conversation: string, seen: Runaway): boolean
}

const MOST_TRAILS = 5_000

export function createBrake({ clock }: Pick<ProxyContext, 'clock'>): Brake {
  // Insertion order is the order of use.
  const trails = new Map<string, Trail>()
  const told = new Map<string, Runaway['until']>()
  return {
    check(conversation, digest, policy) {
      const trail = trails.get(conversation)
      return trail && runawayIn(trail, digest, { policy, now: clock.now() })
    },
    ended(slice, digest, tokens) {
      // A copy: the key may be a slice that keeps a whole request's head in memory.
      const conversation = Buffer.from(slice).toString()
      const trail = trailAfter(trails.get(conversation) ?? NEW_TRAIL, { digest, tokens, now: clock.now() })
      trails.delete(conversation)
      trails.set(conversation, trail)
      const [oldest] = trails.keys()
      if (trails.size <= MOST_TRAILS || oldest === undefined) return
      trails.delete(oldest)
      told.delete(oldest)
    },
    isNews(conversation, { until }) {
      const isKnown = (told.get(conversation) ?? 0) > clock.now()
      if (trails.has(conversation)) told.set(Buffer.from(conversation).toString(), until)
      return !isKnown
    },
  }
}

/** Warns of a client that seems to have run away, or throws GatewayError `runaway`. */
export function brake(job: Job, context: ProxyContext): void {
  const { settings, brake: trails, observe, log } = context
  const { runaway, brake: policy } = settings()
  const { record, facts } = job
  // The key's word counts before the setting.
  const mode = job.key?.rules.runaway ?? runaway
  if (mode === 'off' || facts.conversation === undefined || job.endpoint.kind !== 'messages') return
  if (policy.repeats === 0 && policy.tokensPerMinute === 0) return
  if (policy.repeats > 0) record.digest = context.fingerprint(job.body)
  record.isBraked = true
  const trail = trailOf(job, facts.conversation)
  const seen = trails.check(trail, record.digest, policy)
  if (seen === undefined) return
  observe.ranAway(seen.kind, mode)
  if (trails.isNews(trail, seen))
    log.warn(`A client seems to have run away: ${seen.words}.`, {
      request: job.id,
      session: facts.session,
      key: job.key?.name,
      action: mode,
    })
  record.warning = `runaway: ${seen.words}`
  if (mode === 'warn') return
  const refusal = `This client seems to have run away: ${seen.words}. Change the request, wait, or let it go on with "${releaseOf(job)}".`
  record.decision = { ...record.decision, refusal }
  throw new GatewayError('runaway', refusal)
}

/** For whatever answer the client gets. */
export const warningHeaders = ({ record }: Pick<Job, 'record'>): Headers =>
  record.warning === undefined ? NONE : [['x-spillway-warning', record.warning]]

const NONE: Headers = []

/** Conversations of two keys are two, also where they begin with the same words. */
const trailOf = ({ key }: Job, conversation: string): string => `${key?.id ?? ''} ${conversation}`

const releaseOf = ({ key }: Job): string =>
  key === undefined ? 'spillway config set runaway warn' : `spillway keys set ${key.name} --runaway warn`

/** Of requests only those that were answered are remembered; tokens are used up either way. */
export function noteAnswer(job: Job, row: LedgerRow, { brake: trails }: ProxyContext): void {
  const { outcome, usage, durationMs } = row
  const { conversation } = job.facts
  if (!job.record.isBraked || conversation === undefined) return
  const digest = outcome === 'ok' ? job.record.digest : undefined
  const tokens = promptTokensOf(usage) - usage.cacheReadTokens + usage.outputTokens
  if (digest === undefined && tokens === 0) return
  trails.ended(trailOf(job, conversation), digest, withinLastMinute(tokens, durationMs))
}
