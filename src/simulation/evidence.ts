/**
 * What the simulated gateway has been told of each account, kept apart from what it makes of
 * it: limits with their ends, refused credentials, faults in a row, tests under way. The
 * invariants are judged by this and by the world's truth, never by the code that they check.
 */
import type { Cause, Failure } from '../core/failure.ts'
import { isOpenAgain, type Window } from '../core/limits.ts'
import { familyOf } from '../core/model.ts'
import { later, MINUTE, type Millis } from '../core/time.ts'

/** Something that an account has said of itself. */
export interface Evidence {
  readonly scope: Exclude<Failure['scope'], { kind: 'request' }>
  readonly cause: Cause
  readonly window: string | undefined
  readonly saidAt: Millis
  until: Millis
  /** The account has answered since it ended. */
  isOvercome: boolean
}

export interface Dossier {
  /** The newest of each scope. */
  readonly evidence: Map<string, Evidence>
  /** Moments of tests that are under way. */
  readonly tests: Map<number, Millis>
  /** Endpoint faults since its last answer, the same conversation's following ones not counted. */
  faults: number
  faultConversation: string | undefined
  lastFaultAt: Millis | undefined
  inFlight: number
}

export const newDossier = (): Dossier => ({
  evidence: new Map(),
  tests: new Map(),
  faults: 0,
  faultConversation: undefined,
  lastFaultAt: undefined,
  inFlight: 0,
})

/** A refused credential names no end: it is asked about again after that time. */
const CREDENTIAL_MS = 5 * MINUTE

/** Undefined where the failure says nothing of the account. */
export function toEvidence({ scope, cause, until, window }: Failure, now: Millis): Evidence | undefined {
  if (scope.kind === 'request') return undefined
  const end = cause === 'unauthorized' ? later(now, CREDENTIAL_MS) : until
  return end === undefined ? undefined : { scope, cause, window, saidAt: now, until: end, isOvercome: false }
}

/** These prove nothing until another account has served the same request (`wire.md` §1.7). */
export const NEEDS_PROOF: ReadonlySet<Cause> = new Set(['forbidden', 'model-not-found', 'context-limit'])

export const keyOf = (scope: Evidence['scope']): string => {
  switch (scope.kind) {
    case 'account':
      return 'account'
    case 'family':
      return `family ${scope.family}`
    case 'model':
      return `model ${scope.model}`
  }
}

const speaksOf = ({ scope }: Evidence, model: string): boolean => {
  switch (scope.kind) {
    case 'account':
      return true
    case 'family':
      return familyOf(model) === scope.family
    case 'model':
      return model === scope.model
  }
}

/** What keeps the account from this model at this moment. */
export function standing({ evidence }: Dossier, model: string, now: Millis): Evidence | undefined {
  for (const each of evidence.values()) if (each.until > now && speaksOf(each, model)) return each
  return undefined
}

/** Whether a request for this model would find out whether something is over. */
export function isTest({ evidence }: Dossier, model: string, now: Millis): boolean {
  for (const each of evidence.values())
    if (!each.isOvercome && each.until <= now && speaksOf(each, model)) return true
  return false
}

export function overcome({ evidence }: Dossier, model: string, now: Millis): void {
  for (const each of evidence.values()) if (each.until <= now && speaksOf(each, model)) each.isOvercome = true
}

/** A reading of a spent window that says it is open again. */
export function reopen({ evidence }: Dossier, windows: readonly Window[], now: Millis): void {
  for (const each of evidence.values()) {
    const isOpen = windows.some(
      ({ name, ...window }) => name === each.window && isOpenAgain({ name, ...window }),
    )
    if (isOpen && each.until > now && each.saidAt < now) each.until = now
  }
}
