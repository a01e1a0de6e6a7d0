/**
 * What would happen to a request if it came now: the same reading, the same decision and the
 * same words as for traffic, and nothing is sent, taken or written down.
 */
import type { RouteAnswer, RouteQuestion } from '../core/dry-run.ts'
import { GatewayError } from '../core/error.ts'
import type { Headers } from '../core/headers.ts'
import type { ClientRequest, Reply } from '../core/ports/client.ts'
import { nextStep } from '../core/route.ts'
import type { ProxyContext } from './context.ts'
import { decisionOf } from './explain.ts'
import { readFacts } from './facts.ts'
import { newJob } from './job.ts'
import { situationOf } from './situation.ts'

/** Throws GatewayError as the request would be refused for what it asks. */
export function dryRun(question: RouteQuestion, context: ProxyContext): RouteAnswer {
  const { keys, clock } = context
  const { key: named, tokens } = question
  const key = keys.all().find(({ id, name }) => id === named || name === named)
  if (named !== undefined && key === undefined)
    throw new GatewayError('not-found', `There is no key "${named}".`)
  const body = Buffer.from(JSON.stringify({ model: question.model, messages: [] }))
  const job = newJob(requestOf(question, body), NOWHERE, key, context)
  const read = readFacts(job, body, context)
  const facts = tokens === undefined ? read : { ...read, tokens }
  const situation = situationOf(facts, { failed: [], startedAt: clock.now(), waitedMs: 0 }, context)
  const step = nextStep(situation)
  const decision = decisionOf(situation, step)
  const nothing = { account: undefined, model: undefined, until: undefined, status: undefined, decision }
  switch (step.kind) {
    case 'send':
      return { ...nothing, outcome: 'send', account: step.account.name, model: step.model }
    case 'wait':
      return { ...nothing, outcome: 'wait', until: step.until }
    case 'give-up':
      return {
        ...nothing,
        outcome: 'refuse',
        status: step.verdict.kind === 'own' ? step.verdict.status : undefined,
      }
  }
}

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
