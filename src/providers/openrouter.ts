/**
 * OpenRouter: numbers for error codes, errors behind status 200, and a word for which of its
 * limits refused (`wire.md` §4.2–4.3). What its own upstreams do is not held against the account.
 */
import type { Failure } from '../core/failure.ts'
import { DAY, HOUR, later } from '../core/time.ts'
import { readAnthropicFailure } from './anthropic/failure.ts'
import { bounded } from './anthropic/rate-limit.ts'
import { ACCOUNT, modelScope, REQUEST } from './anthropic/scope.ts'
import { ANTHROPIC_DIALECT } from './dialect.ts'
import { fieldsOf, readMoment, readNumber, readObject } from './fields.ts'
import type { ErrorAnswer, Provider } from './provider.ts'
import { asBearer } from './sign.ts'
import { QUOTA_EVERY_MS, toWindow, usageReader, type WindowsOf } from './usage.ts'
import {
  accountTrouble,
  type ReadVendorError,
  throttled,
  type VendorError,
  vendorFailure,
} from './vendor-failure.ts'

/** Budgets begin anew by the month at most. */
const LONGEST_BUDGET_MS = 31 * DAY

const readOpenrouterError: ReadVendorError = (error, answer) => {
  const limited = readLimitSource(error, answer)
  if (limited !== undefined) return limited
  const status = statusIn(error.code) ?? answer.status
  if (status === 403 && isFlagged(error)) {
    const evidence = `it moderates this model, and flagged the request (${status})`
    return { cause: 'forbidden', scope: REQUEST, evidence }
  }
  if (status === 429) return readThrottle(error, { ...answer, status })
  /* In answers with status 200, and in streams, the number is all there is. */
  return status === answer.status ? undefined : (readAnthropicFailure({ ...answer, status }) ?? 'own')
}

const statusIn = (code: string): number | undefined => (/^[45]\d\d$/.test(code) ? Number(code) : undefined)

const isFlagged = ({ metadata }: VendorError): boolean =>
  Array.isArray(metadata.reasons) || metadata.flagged_input !== undefined

function readLimitSource({ metadata }: VendorError, answer: ErrorAnswer): Failure | undefined {
  if (metadata.reason === 'weight_exceeds_budget') {
    const evidence = `its balance is too small for a request of this size (${answer.status})`
    return { cause: 'context-limit', scope: REQUEST, evidence }
  }
  switch (metadata.limit_source) {
    case 'openrouter_credits':
      return accountTrouble(answer, 'billing', 'its credits are used up')
    case 'openrouter_in_flight_budget':
      return throttled(answer, 'spending')
    case 'openrouter_key_limit':
      return spentBudget(answer, 'its key’s spending limit is reached', metadata.resets_at)
    case 'openrouter_workspace_budget':
    case 'openrouter_guardrail_budget':
      return spentBudget(answer, 'its budget is spent', metadata.resets_at)
    default:
      return undefined
  }
}

function spentBudget({ now, status }: ErrorAnswer, evidence: string, end: unknown): Failure {
  const at = readMoment(end)
  const waitMs = at === undefined ? HOUR : bounded(at - now, LONGEST_BUDGET_MS)
  return {
    cause: 'spend-limit',
    scope: ACCOUNT,
    evidence: `${evidence} (${status})`,
    until: later(now, waitMs),
  }
}

/** Free models are counted by the day and apart; a provider behind it that throttles concerns one model. */
function readThrottle({ message, metadata }: VendorError, answer: ErrorAnswer): Failure {
  const resetsAt = readMoment(fieldsOf(metadata.headers)['X-RateLimit-Reset'])
  const isOfModel = metadata.provider_name !== undefined || /free-models/.test(message)
  const saidMs = resetsAt === undefined ? undefined : Math.min(DAY, resetsAt - answer.now)
  const failure = throttled(answer, isOfModel ? 'this model' : 'requests', saidMs)
  return isOfModel && failure.scope.kind === 'account' ? { ...failure, scope: modelScope(answer) } : failure
}

function readHiddenError(body: string): number | undefined {
  if (!body.includes('"error"')) return undefined
  const error = readObject(body)?.error
  return error === undefined || error === null ? undefined : (statusIn(String(fieldsOf(error).code)) ?? 500)
}

/** A key without a limit of its own has nothing to tell; its account's balance needs another kind of key. */
const readKey: WindowsOf = (body, { now }) => {
  const data = fieldsOf(body.data)
  if (!('limit' in data)) return undefined
  const limit = readNumber(data.limit)
  const remaining = readNumber(data.limit_remaining)
  if (!limit || remaining === undefined) return []
  return [toWindow('key', { utilization: 1 - remaining / limit, remaining, unit: 'USD' }, now)]
}

export const OPENROUTER: Provider = {
  ...ANTHROPIC_DIALECT,
  id: 'openrouter',
  label: 'OpenRouter',
  baseUrl: 'https://openrouter.ai/api',
  sign: asBearer,
  models: ['anthropic/claude-opus-5.5', 'anthropic/claude-sonnet-5.5', 'z-ai/glm-5.3', 'moonshotai/kimi-k3'],
  notes: ['Models have their vendor’s name before their own: map the names that your clients use.'],
  readFailure: vendorFailure(readOpenrouterError),
  readHiddenError,
  usage: {
    path: '/api/v1/key',
    signs: [asBearer],
    everyMs: QUOTA_EVERY_MS,
    read: usageReader(readKey),
  },
}
