/**
 * The decision as the ledger keeps it and a dry run shows it (G13): every candidate in order,
 * what excluded each and until when, the reason for the one that was taken, what moving
 * costs. Reads what `nextStep` said; decides nothing anew.
 */
import type { CandidateRecord, DecisionRecord } from '../core/ledger.ts'
import type { Refusal } from '../core/refusal.ts'
import type { Step } from '../core/route.ts'
import { tierOf } from '../core/rules.ts'
import type { AccountView, FailedAttempt, Situation } from '../core/situation.ts'
import { toIso } from '../core/time.ts'

export function decisionOf(situation: Situation, step: Step): DecisionRecord {
  const { failed } = situation
  if (step.kind === 'send' && failed.length === 0 && step.refusals.length === 0 && isPlain(situation, step))
    return plainDecision(situation, step)
  return {
    ...termsOf(situation),
    ...outcomeOf(step),
    candidates: candidatesOf(situation, step),
  }
}

/** What a decision was made under, beyond the strategy only where it is not as usual. */
const termsOf = ({ strategy, pool, request }: Situation) => ({
  strategy,
  ...(pool === undefined ? {} : { pool: pool.name }),
  ...(request.class === 'interactive' ? {} : { class: request.class }),
  ...(request.wanted === request.model || request.wanted === undefined ? {} : { wanted: request.wanted }),
})

function outcomeOf(step: Step): Pick<DecisionRecord, 'reason' | 'refusal' | 'moving'> {
  switch (step.kind) {
    case 'send': {
      const { reason, moving } = step
      if (moving === undefined || moving.tokens === 0) return { reason }
      return {
        reason,
        moving: { tokens: moving.tokens, ...(moving.usd === undefined ? {} : { usd: moving.usd }) },
      }
    }
    case 'wait':
      return { refusal: `waiting (${WAITS[step.cause]}) until ${toIso(step.until)} at the latest` }
    case 'give-up':
      return { refusal: wordsOf(step) }
  }
}

const WAITS: Readonly<Record<Extract<Step, { kind: 'wait' }>['cause'], string>> = {
  probing: 'an account is being tested',
  'own-account': 'its own account is back sooner than its cache is written elsewhere',
  busy: 'all that could take it are busy',
  throttled: 'a throttle ends within moments',
  held: 'its client would rather wait than be refused',
}

const isPlain = ({ pool, request }: Situation, { moving }: Extract<Step, { kind: 'send' }>): boolean =>
  pool === undefined &&
  moving === undefined &&
  request.class === 'interactive' &&
  request.wanted === request.model

/** Where nobody was excluded, the record follows from four things, and the next request's is the same. */
const plainDecisions = new WeakMap<Situation['accounts'], Map<string, DecisionRecord>>()

function plainDecision(situation: Situation, step: Extract<Step, { kind: 'send' }>): DecisionRecord {
  const { accounts, strategy } = situation
  const known = plainDecisions.get(accounts) ?? new Map<string, DecisionRecord>()
  const name = `${strategy} ${step.account.id} ${step.reason}`
  const found = known.get(name)
  if (found !== undefined) return found
  const decision = { strategy, reason: step.reason, candidates: candidatesOf(situation, step) }
  if (known.size < MOST_PLAIN) known.set(name, decision)
  plainDecisions.set(accounts, known)
  return decision
}

const MOST_PLAIN = 1_000

/** The one that was taken, then those that could have been, then those that were tried, then the excluded. */
function candidatesOf(situation: Situation, step: Step): readonly CandidateRecord[] {
  const { failed, accounts, pool, spentUsd } = situation
  const refusals = new Map<string, Refusal>(step.refusals.map((refusal) => [refusal.account.id, refusal]))
  const chosen = step.kind === 'send' ? step.account.id : undefined
  const tierIn = ({ account }: AccountView) =>
    pool === undefined ? 0 : (tierOf(account, pool, spentUsd) ?? Number.MAX_SAFE_INTEGER)
  const rank = (view: AccountView): number => {
    if (view.account.id === chosen) return 0
    if (failed.some(({ account }) => account === view.account.id)) return 2
    return refusals.has(view.account.id) ? 3 : 1
  }
  return accounts
    .map((view) => ({ view, rank: rank(view), tier: tierIn(view) }))
    .sort((a, b) => a.rank - b.rank || a.tier - b.tier || a.view.account.priority - b.view.account.priority)
    .map(({ view: { account } }) => {
      const refusal = refusals.get(account.id)
      if (account.id === chosen) return { account: account.name }
      if (refusal !== undefined) return { account: account.name, ...excludedBy(refusal) }
      const attempt = failed.findLast((each) => each.account === account.id)
      return { account: account.name, ...(attempt === undefined ? {} : excludedByFailure(attempt)) }
    })
}

const excludedByFailure = ({ failure: { evidence, until } }: FailedAttempt) => ({
  excluded: evidence,
  ...(until === undefined ? {} : { until }),
})

const excludedBy = ({ reason, evidence, until }: Refusal): Omit<CandidateRecord, 'account'> => ({
  excluded: evidence === undefined ? reason : `${reason}: ${evidence}`,
  ...(until === undefined ? {} : { until }),
})

const wordsOf = ({ verdict }: Extract<Step, { kind: 'give-up' }>): string =>
  verdict.kind === 'own'
    ? verdict.message
    : 'no account is left to try; the last upstream answer was passed on'
