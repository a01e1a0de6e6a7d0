/**
 * Asks `nextStep` for a request and, where it says to send, takes the place on the account in
 * the same breath, so that no two requests are given the last one. Notes the decision for the
 * ledger. Must not wait or send.
 */
import { refusalOf } from '../core/refusal.ts'
import { nextStep, type Step } from '../core/route.ts'
import type { ProxyContext } from './context.ts'
import { decisionOf } from './explain.ts'
import type { Job } from './job.ts'
import type { Run } from './serve.ts'
import { situationOf } from './situation.ts'

export type SendStep = Extract<Step, { kind: 'send' }>
export type WaitStep = Extract<Step, { kind: 'wait' }>

export interface Chosen {
  readonly step: Step
  /** Gives the place up; undefined where none was taken, because there is nothing to send or a pause before it. */
  readonly done: (() => void) | undefined
}

export function choose(job: Job, run: Run, context: ProxyContext): Chosen {
  const situation = situationOf(job.facts, { ...run, startedAt: job.readyAt }, context)
  const step = nextStep(situation)
  job.record.decision = decisionOf(situation, step)
  const isNow = step.kind === 'send' && step.delayMs === 0
  return { step, done: isNow ? begin(step, job, context) : undefined }
}

export const begin = ({ account, model }: SendStep, { facts }: Job, { pool }: ProxyContext): (() => void) =>
  pool.begin(account.id, { model, tokens: facts.tokens })

/** Much can happen in a pause: the operator pauses or removes the account, another request meets its limit. */
export function isStillFit({ account }: SendStep, job: Job, run: Run, context: ProxyContext): boolean {
  const view = context.pool.views().find((each) => each.account.id === account.id)
  const situation = situationOf(job.facts, { ...run, startedAt: job.readyAt }, context)
  return view !== undefined && refusalOf(view, situation) === undefined
}
