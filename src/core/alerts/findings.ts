/**
 * What a rule finds in the facts of a moment: for each subject whether its condition holds, and
 * that in a sentence. Must not remember anything but how windows stood; whether a finding is
 * news is evaluate.ts.
 */
import { isPast, type Window } from '../limits.ts'
import { describeLength, later, type Millis, toIso } from '../time.ts'
import { lengthOf } from '../window.ts'
import type { AccountFact, Facts } from './facts.ts'
import { type Finding, percent, type SeenWindow } from './finding.ts'
import type { AlertRule, Condition, Scope } from './rule.ts'
import { trafficFindings } from './traffic-findings.ts'

/** How the windows stood at the last look, by subject. */
export type Seen = (subject: string) => SeenWindow | undefined

export function findingsOf(rule: AlertRule, facts: Facts, seen: Seen, now: Millis): readonly Finding[] {
  const { when, scope } = rule
  switch (when.kind) {
    case 'account-state':
      return accountsIn(facts, scope).map((account) => stateFinding(account, when, now))
    case 'window-above':
      return windowsIn(facts, scope, when.window).map((each) => windowFinding(each, when.share, now))
    case 'window-reset':
      return windowsIn(facts, scope, when.window).map((each) => resetFinding(each, when.share, seen, now))
    case 'runway-below':
      return [runwayFinding(facts, when.ms, now)]
    case 'budget-above':
      return budgetFindings(facts, scope, when.share)
    case 'error-rate':
    case 'spend-above':
    case 'cache-hit':
      return [trafficFindings(when, facts.traffic(scope), now)]
  }
}

const accountsIn = ({ accounts }: Facts, scope: Scope): readonly AccountFact[] =>
  accounts.filter(
    ({ id, groups }) =>
      (scope.account === undefined || id === scope.account) &&
      (scope.group === undefined || groups.includes(scope.group)),
  )

type When<Kind extends Condition['kind']> = Extract<Condition, { readonly kind: Kind }>

function stateFinding(
  { id, name, state }: AccountFact,
  { states, forMs }: When<'account-state'>,
  now: Millis,
): Finding {
  const isIn = states.some((each) => each === state.kind)
  const sinceMs = Math.max(0, now - (state.since ?? now))
  return {
    subject: id,
    isSo: isIn && sinceMs >= forMs,
    message: isIn ? troubleWords(name, state, sinceMs) : `Account ${name} is ${STATE_WORDS[state.kind]}.`,
  }
}

function troubleWords(name: string, { kind, reason, remedy }: AccountFact['state'], sinceMs: number): string {
  const forLong = sinceMs < LEAST_SAID_MS ? '' : ` for ${describeLength(sinceMs)}`
  const why = reason === undefined ? '' : `: ${reason}`
  return `Account ${name} is ${STATE_WORDS[kind]}${forLong}${why}.${remedy === undefined ? '' : ` ${remedy}`}`
}

const LEAST_SAID_MS = 60_000

const STATE_WORDS: Readonly<Record<AccountFact['state']['kind'], string>> = {
  ready: 'ready',
  cooling: 'set aside',
  'needs-login': 'in need of a sign-in',
  paused: 'paused',
  error: 'out of order',
}

interface OneWindow {
  readonly account: AccountFact
  readonly window: Window
}

/** Meters that refill within a minute are no windows to be told of. */
const windowsIn = (facts: Facts, scope: Scope, name: string | undefined): readonly OneWindow[] =>
  accountsIn(facts, scope).flatMap((account) =>
    account.windows
      .filter((window) => (name === undefined ? lengthOf(window.name) !== undefined : window.name === name))
      .map((window) => ({ account, window })),
  )

const subjectOf = ({ account, window }: OneWindow): string => `${account.id} ${window.name}`

function windowFinding(each: OneWindow, share: number, now: Millis): Finding {
  const { account, window } = each
  const what = `The ${window.name} window of account ${account.name}`
  if (isPast(window, now))
    return { subject: subjectOf(each), isSo: false, message: `${what} has begun anew.` }
  const { utilization, resetsAt } = window
  if (utilization === undefined)
    return { subject: subjectOf(each), isSo: undefined, message: `${what} is not known.` }
  const end = resetsAt === undefined ? '' : `; it begins anew in ${describeLength(resetsAt - now)}`
  return {
    subject: subjectOf(each),
    isSo: utilization > share,
    message: `${what} is used by ${percent(utilization)}${end}.`,
    value: utilization,
  }
}

/** An end that moves by less is the same one (`wire.md` §2.6); a window that slides moves with every reading and falls little. */
const LEAST_MOVE = 0.1
const LEAST_FALL = 0.5

function resetFinding(each: OneWindow, share: number, seen: Seen, now: Millis): Finding {
  const { account, window } = each
  const subject = subjectOf(each)
  const before = seen(subject)
  const used = window.utilization
  const present =
    used === undefined || window.resetsAt === undefined || isPast(window, now)
      ? undefined
      : { resetsAt: window.resetsAt, used: Math.round(used * 100) / 100 }
  const isReset = before !== undefined && before.used > share && hasBegunAnew(before, present, window, now)
  return {
    subject,
    isSo: isReset,
    isMoment: true,
    message: `The ${window.name} window of account ${account.name} has begun anew${before === undefined ? '' : ` after ${percent(before.used)}`}.`,
    ...seenNext(before, present, isReset),
  }
}

/** After a reset nothing is known of the window until it is read again. */
function seenNext(
  before: SeenWindow | undefined,
  present: SeenWindow | undefined,
  isReset: boolean,
): { readonly seen?: SeenWindow } {
  if (present !== undefined) return { seen: present }
  if (before === undefined) return {}
  return { seen: isReset ? { ...before, used: 0 } : before }
}

function hasBegunAnew(
  before: SeenWindow,
  present: SeenWindow | undefined,
  { name }: Window,
  now: Millis,
): boolean {
  if (before.resetsAt <= now) return true
  if (present === undefined) return false
  const isLater = present.resetsAt - before.resetsAt >= LEAST_MOVE * (lengthOf(name) ?? 0)
  return isLater && present.used <= before.used * LEAST_FALL
}

function runwayFinding({ runway }: Facts, ms: number, now: Millis): Finding {
  const subject = 'pool'
  switch (runway.kind) {
    case 'unknown':
      return { subject, isSo: undefined, message: 'How long the pool is safe is not known.' }
    case 'out': {
      const until = runway.until === undefined ? '' : ` until ${toIso(runway.until)}`
      return { subject, isSo: true, message: `No account can take requests${until}.`, value: 0 }
    }
    case 'safe': {
      if (runway.until === undefined)
        return { subject, isSo: false, message: 'The pool is safe as far as can be seen.' }
      const leftMs = Math.max(0, runway.until - now)
      const message = `The pool is safe for ${describeLength(leftMs)}, until ${toIso(later(now, leftMs))}.`
      return { subject, isSo: leftMs < ms, message, value: leftMs }
    }
  }
}

const budgetFindings = ({ budgets }: Facts, scope: Scope, share: number): readonly Finding[] =>
  budgets
    .filter(
      ({ group, key }) =>
        (scope.group === undefined || group === scope.group) &&
        (scope.key === undefined || key === scope.key),
    )
    .map(({ name, used, limit, unit, period }) => ({
      subject: `${name} ${period}`,
      isSo: limit > 0 && used / limit > share,
      message: `The budget of ${name} for the ${period} is used by ${percent(limit > 0 ? used / limit : 0)}: ${amount(used, unit)} of ${amount(limit, unit)}.`,
      value: limit > 0 ? used / limit : 0,
    }))

const amount = (sum: number, unit: 'USD' | 'tokens'): string =>
  unit === 'USD' ? `$${sum.toFixed(2)}` : `${Math.round(sum)} tokens`
