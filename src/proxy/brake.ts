/**
 * Remembers what conversations have been answered, as far as the runaway brake needs it, and
 * carries out what it says: a warning in the answer's head, or a refusal. Bounded: the
 * conversations longest without an answer are forgotten first (G10).
 */
import {
  type BrakePolicy,
  brakeMode,
  NEW_TRAIL,
  type Runaway,
  runawayIn,
  type Trail,
  trailAfter,
} from '../core/brake.ts'
import { GatewayError } from '../core/error.ts'
import type { LedgerRow } from '../core/ledger.ts'
import { promptTokensOf } from '../core/usage.ts'
import type { ProxyContext } from './context.ts'
import type { Job } from './job.ts'

export interface Brake {
  /** What it sees in this request; undefined where nothing is wrong. */
  check(conversation: string, digest: string | undefined, policy: BrakePolicy): Runaway | undefined
  answered(conversation: string, digest: string | undefined, tokens: number): void
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
    answered(slice, digest, tokens) {
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
  const { conversation } = job.facts
  const mode = brakeMode(job.key?.rules.runaway, runaway)
  if (mode === 'off' || conversation === undefined || job.endpoint.kind !== 'messages') return
  if (policy.repeats > 0) job.record.digest = context.digest(job.body, [{ start: 0, end: job.body.length }])
  job.record.isBraked = true
  const seen = trails.check(conversation, job.record.digest, policy)
  if (seen === undefined) return
  observe.ranAway(seen.kind, mode)
  if (trails.isNews(conversation, seen))
    log.warn(`A client seems to have run away: ${seen.words}.`, {
      request: job.id,
      session: job.facts.session,
      key: job.key?.name,
      action: mode,
    })
  job.record.warning = `runaway: ${seen.words}`
  if (mode === 'warn') return
  const refusal = `This client seems to have run away: ${seen.words}. Change the request, wait, or let its key off with "spillway keys set <name> --runaway warn".`
  job.record.decision = { ...job.record.decision, refusal }
  throw new GatewayError('runaway', refusal)
}

/** Only what was answered is remembered. */
export function noteAnswer(job: Job, { outcome, usage }: LedgerRow, { brake: trails }: ProxyContext): void {
  const { conversation } = job.facts
  if (!job.record.isBraked || conversation === undefined || outcome !== 'ok') return
  const tokens = promptTokensOf(usage) - usage.cacheReadTokens + usage.outputTokens
  trails.answered(conversation, job.record.digest, tokens)
}
