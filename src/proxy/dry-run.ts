/**
 * What would happen to a request if it came now: the same reading, the same decision and the
 * same words as for traffic, and nothing is sent, taken or written down.
 */
import type { RouteAnswer, RouteQuestion } from '../core/dry-run.ts'
import { GatewayError, STATUS_OF } from '../core/error.ts'
import type { Headers } from '../core/headers.ts'
import type { DecisionRecord } from '../core/ledger.ts'
import type { ClientRequest, Reply } from '../core/ports/client.ts'
import { nextStep } from '../core/route.ts'
import { overLimit } from './allowance.ts'
import type { ProxyContext } from './context.ts'
import { decisionOf } from './explain.ts'
import { readFacts } from './facts.ts'
import { type Job, newJob } from './job.ts'
import { assertEndpoint } from './permission.ts'
import { situationOf } from './situation.ts'

/** Throws GatewayError as the request would be refused for what it asks. */
export function dryRun(question: RouteQuestion, context: ProxyContext): RouteAnswer {
  const { keys } = context
  const { key: named } = question
  const key = keys.all().find(({ id, name }) => id === named || name === named)
  if (named !== undefined && key === undefined)
    throw new GatewayError('not-found', `There is no key "${named}".`)
  const body = Buffer.from(JSON.stringify({ model: question.model, messages: [] }))
  const job = newJob(requestOf(question, body), NOWHERE, key, context)
  // Nothing that is asked here counts as a refusal.
  const silent = { ...context, observe: { ...context.observe, keyRefused: () => {} } }
  try {
    assertEndpoint(job, silent)
    return answerOf({ ...job, body, facts: readFacts(job, body, silent) }, question, silent)
  } catch (error) {
    const { decision } = job.record
    if (!(error instanceof GatewayError) || decision.refusal === undefined) throw error
    return { ...NOTHING, outcome: 'refuse', status: STATUS_OF[error.code], decision }
  }
}

const NOTHING = { account: undefined, model: undefined, until: undefined, status: undefined }

function answerOf(job: Job, { tokens }: RouteQuestion, context: ProxyContext): RouteAnswer {
  const facts = tokens === undefined ? job.facts : { ...job.facts, tokens }
  const progress = { failed: [], startedAt: job.startedAt, waitedMs: 0 }
  const situation = situationOf(facts, progress, context)
  const step = nextStep(situation)
  const decision = decisionOf(situation, step)
  const refused = job.key === undefined ? undefined : overLimit(job.key, context)?.verdict
  if (refused !== undefined) {
    const refusal = refused.message
    return {
      ...NOTHING,
      outcome: 'refuse',
      status: refused.status,
      decision: { ...withoutReason(decision), refusal },
    }
  }
  switch (step.kind) {
    case 'send':
      return { ...NOTHING, outcome: 'send', account: step.account.name, model: step.model, decision }
    case 'wait':
      return { ...NOTHING, outcome: 'wait', until: step.until, decision }
    case 'give-up':
      return {
        ...NOTHING,
        outcome: 'refuse',
        status: step.verdict.kind === 'own' ? step.verdict.status : undefined,
        decision,
      }
  }
}

const withoutReason = ({ reason: _, moving: __, ...decision }: DecisionRecord): DecisionRecord => decision

function requestOf(
  { session, agent, pool, exclude, ...question }: RouteQuestion,
  body: Uint8Array,
): ClientRequest {
  const said: readonly (readonly [string, string | undefined])[] = [
    ['x-claude-code-session-id', session],
    ['x-claude-code-agent-id', agent],
    ['x-spillway-agent', agent],
    ['x-spillway-class', question.class],
    ['x-spillway-exclude', exclude],
  ]
  const headers: Headers = said.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  return {
    method: 'POST',
    path: `${pool === undefined ? '' : `/pool/${pool}`}/v1/messages`,
    query: '',
    headers,
    peer: '',
    signal: new AbortController().signal,
    body: async () => body,
  }
}

/** Nobody is answered. */
const NOWHERE: Reply = {
  start: () => {},
  write: () => undefined,
  end: () => {},
  break: () => {},
  hasStarted: false,
}
