/**
 * The decision as the ledger keeps it (G13): every candidate, what excluded each and until
 * when, and the reason for the one that was taken. Reads what `nextStep` said; decides
 * nothing anew.
 */
import type { CandidateRecord, DecisionRecord } from '../core/ledger.ts'
import type { Refusal } from '../core/refusal.ts'
import type { Step } from '../core/route.ts'
import type { Situation } from '../core/situation.ts'

export function decisionOf(situation: Situation, step: Step): DecisionRecord {
  const { failed, strategy } = situation
  switch (step.kind) {
    case 'send':
      return failed.length === 0 && step.refusals.length === 0
        ? plainDecision(situation, step.reason)
        : { strategy, reason: step.reason, candidates: candidatesOf(situation, step.refusals) }
    case 'wait':
      return {
        strategy,
        refusal: 'waiting for an account that is being tested',
        candidates: candidatesOf(situation, []),
      }
    case 'give-up':
      return { strategy, refusal: wordsOf(step), candidates: candidatesOf(situation, step.refusals) }
  }
}

/** Where nobody was excluded, the record follows from three things, and the next request's is the same. */
const plainDecisions = new WeakMap<Situation['accounts'], DecisionRecord>()

function plainDecision(situation: Situation, reason: string): DecisionRecord {
  const { accounts, strategy } = situation
  const known = plainDecisions.get(accounts)
  if (known?.strategy === strategy && known.reason === reason) return known
  const decision = { strategy, reason, candidates: candidatesOf(situation, []) }
  plainDecisions.set(accounts, decision)
  return decision
}

const candidatesOf = (
  { accounts, failed }: Situation,
  refusals: readonly Refusal[],
): readonly CandidateRecord[] =>
  accounts.map(({ account }): CandidateRecord => {
    const refusal = refusals.find((each) => each.account === account)
    if (refusal !== undefined) return { account: account.name, ...excludedBy(refusal) }
    const attempt = failed.find((each) => each.account === account.id)
    return attempt === undefined
      ? { account: account.name }
      : { account: account.name, excluded: attempt.failure.evidence }
  })

const excludedBy = ({ reason, evidence, until }: Refusal): Omit<CandidateRecord, 'account'> => ({
  excluded: evidence === undefined ? reason : `${reason}: ${evidence}`,
  ...(until === undefined ? {} : { until }),
})

const wordsOf = ({ verdict }: Extract<Step, { kind: 'give-up' }>): string =>
  verdict.kind === 'own'
    ? verdict.message
    : 'no account is left to try; the last upstream answer was passed on'
