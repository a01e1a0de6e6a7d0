/**
 * What is news: rules, the facts of a moment and what is remembered of the moment before become
 * alerts that fire and alerts that are over. The same function for the live watch and for what
 * would have been. Must not tell anybody.
 */
import { MINUTE, type Millis } from '../time.ts'
import type { Facts } from './facts.ts'
import type { Finding, SeenWindow } from './finding.ts'
import { findingsOf } from './findings.ts'
import type { AlertRule } from './rule.ts'

/** What one rule remembers of one subject. */
export interface RuleMemory {
  readonly rule: string
  readonly subject: string
  /** Absent: nothing is open. */
  readonly open?: OpenAlert
  readonly firedAt?: Millis
  readonly seen?: SeenWindow
}

export interface OpenAlert {
  readonly since: Millis
  /** Whether anybody was told: not while the rule is muted. */
  readonly isTold: boolean
  /** Since then it is not so any more. */
  readonly clearSince?: Millis
}

/** By `memoryKey`. */
export type Memory = ReadonlyMap<string, RuleMemory>

export const memoryKey = ({ rule, subject }: Pick<RuleMemory, 'rule' | 'subject'>): string =>
  `${rule} ${subject}`

export type AlertEvent = FiredEvent | ToldEvent | ResolvedEvent

interface Happening {
  readonly rule: string
  readonly subject: string
  readonly at: Millis
  readonly message: string
  readonly value?: number
}

export interface FiredEvent extends Happening {
  readonly kind: 'fired'
  readonly isMuted: boolean
  /** There is no end to wait for. */
  readonly isMoment: boolean
}

/** It is still so when the rule is not muted any more. */
export interface ToldEvent extends Happening {
  readonly kind: 'told'
}

export interface ResolvedEvent extends Happening {
  readonly kind: 'resolved'
  /** Nobody was told that it began, or the rule is gone: nobody is told that it is over. */
  readonly isQuiet: boolean
}

export interface Evaluation {
  readonly events: readonly AlertEvent[]
  readonly memory: Memory
}

/** So long it must not be so before it is over: what comes and goes is one alert. */
export const STEADY_MS = MINUTE

export function evaluate(rules: readonly AlertRule[], facts: Facts, memory: Memory, now: Millis): Evaluation {
  const events: AlertEvent[] = []
  const next = new Map<string, RuleMemory>()
  for (const rule of rules) {
    if (!rule.isEnabled) continue
    const seen = (subject: string) => memory.get(memoryKey({ rule: rule.id, subject }))?.seen
    for (const finding of findingsOf(rule, facts, seen, now)) {
      const key = memoryKey({ rule: rule.id, subject: finding.subject })
      const step = stepOf(rule, finding, memory.get(key), now)
      if (step.event !== undefined) events.push(step.event)
      if (step.memory !== undefined) next.set(key, step.memory)
    }
  }
  for (const [key, left] of memory) {
    if (next.has(key)) continue
    if (left.open !== undefined) events.push(leftBehind(left, now))
    const rule = rules.find(({ id, isEnabled }) => id === left.rule && isEnabled)
    if (rule !== undefined && !isCooled(rule, left, now)) next.set(key, withoutOpen(left))
  }
  return { events, memory: next }
}

interface Step {
  readonly event?: AlertEvent
  /** Undefined: nothing has to be remembered. */
  readonly memory?: RuleMemory
}

interface Look {
  readonly rule: AlertRule
  readonly finding: Finding
  readonly known: RuleMemory
  readonly now: Millis
}

function stepOf(rule: AlertRule, finding: Finding, before: RuleMemory | undefined, now: Millis): Step {
  const known = withSeen(before ?? { rule: rule.id, subject: finding.subject }, finding.seen)
  const look: Look = { rule, finding, known, now }
  if (finding.isSo === undefined) return { memory: known }
  if (finding.isSo) return known.open === undefined ? begin(look) : goOn(look, known.open)
  if (known.open !== undefined) return fade(look, known.open)
  const isEmpty = known.seen === undefined && isCooled(rule, known, now)
  return isEmpty ? {} : { memory: known }
}

function begin({ rule, finding, known, now }: Look): Step {
  if (!isCooled(rule, known, now)) return { memory: known }
  const isMuted = isMutedAt(rule, now)
  const isMoment = finding.isMoment === true
  return {
    event: { kind: 'fired', ...wordsOf(known, finding, now), isMuted, isMoment },
    memory: { ...known, firedAt: now, ...(isMoment ? {} : { open: { since: now, isTold: !isMuted } }) },
  }
}

function goOn({ rule, finding, known, now }: Look, { since, isTold }: OpenAlert): Step {
  if (isTold || isMutedAt(rule, now)) return { memory: { ...known, open: { since, isTold } } }
  return {
    event: { kind: 'told', ...wordsOf(known, finding, now) },
    memory: { ...known, open: { since, isTold: true } },
  }
}

/** A clock that was set back must not keep it open for ever. */
function fade({ finding, known, now }: Look, open: OpenAlert): Step {
  const { clearSince = now } = open
  if (clearSince <= now && now - clearSince < STEADY_MS)
    return { memory: { ...known, open: { ...open, clearSince } } }
  return {
    event: { kind: 'resolved', ...wordsOf(known, finding, now), isQuiet: !open.isTold },
    memory: withoutOpen(known),
  }
}

const wordsOf = ({ rule, subject }: RuleMemory, { message, value }: Finding, at: Millis): Happening => ({
  rule,
  subject,
  at,
  message,
  ...(value === undefined ? {} : { value }),
})

const leftBehind = ({ rule, subject }: RuleMemory, at: Millis): ResolvedEvent => ({
  kind: 'resolved',
  rule,
  subject,
  at,
  message: 'What it was about is not looked at any more.',
  isQuiet: true,
})

const withSeen = (memory: RuleMemory, seen: SeenWindow | undefined): RuleMemory =>
  seen === undefined ? memory : { ...memory, seen }

function withoutOpen({ open: _, ...rest }: RuleMemory): RuleMemory {
  return rest
}

/** What a clock that was once ahead has left behind does not silence anybody. */
const isCooled = ({ cooldownMs }: AlertRule, { firedAt }: RuleMemory, now: Millis): boolean =>
  firedAt === undefined || firedAt > now || now - firedAt >= cooldownMs

const isMutedAt = ({ mutedUntil }: AlertRule, now: Millis): boolean =>
  mutedUntil !== undefined && mutedUntil > now
