/**
 * Ledger rows as a team's three months leave them: accounts, keys and models of unequal weight,
 * conversations of some dozens of requests, agents, working hours, faults. Equal seeds give
 * equal rows. Pure.
 */
import { toAccountId } from '../../src/core/account.ts'
import type { LedgerRow, Outcome } from '../../src/core/ledger.ts'
import { DAY, HOUR, type Millis, toMillis } from '../../src/core/time.ts'
import { NO_USAGE } from '../../src/core/usage.ts'
import { createDice, type Dice } from '../../test/support/random.ts'

export const ACCOUNTS = ['max-anna', 'max-ben', 'max-chris', 'team-1', 'team-2', 'console', 'glm', 'bedrock']
export const KEYS = Array.from({ length: 12 }, (_, index) => `key-${index + 1}`)
const MODELS = [
  ...['claude-opus-4-8', 'claude-sonnet-5-5', 'claude-sonnet-5-5', 'claude-sonnet-5-5'],
  ...['claude-haiku-5-5', 'glm-5.3'],
]
/** Conversations that go on at the same time. */
const TALKS = 60
const REQUESTS_A_TALK = 40

export interface Shape {
  readonly rows: number
  readonly days: number
  readonly endsAt: Millis
  readonly seed: number
}

interface Talk {
  readonly session: string
  readonly account: number
  readonly key: number
  readonly model: string
  /** Of two more on another account. */
  readonly served: string
}

const accountIdOf = (index: number): string => `0193a000-0000-7000-8000-${hex(index, 12)}`
export const keyIdOf = (index: number): string => `0193b000-0000-7000-8000-${hex(index, 12)}`

/** Oldest first. */
export function* ledgerRows({ rows, days, endsAt, seed }: Shape): Generator<LedgerRow> {
  const dice = createDice(seed)
  const talks = Array.from({ length: TALKS }, () => newTalk(dice))
  const gapMs = (days * DAY) / rows
  let at = endsAt - days * DAY
  for (let index = 0; index < rows; index++) {
    at += gapMs * paceAt(at) * (0.5 + dice.next())
    const place = dice.below(TALKS)
    if (dice.below(REQUESTS_A_TALK) === 0) talks[place] = newTalk(dice)
    const talk = talks[place]
    if (talk !== undefined) yield toRow(index, toMillis(Math.min(at, endsAt)), talk, dice)
  }
}

/** By day three times as many as by night: gaps are longer then. */
const paceAt = (at: number): number => (at % DAY > 7 * HOUR && at % DAY < 19 * HOUR ? 0.65 : 1.35)

function newTalk(dice: Dice): Talk {
  const model = dice.one(MODELS)
  return {
    session: uuid(dice),
    // The first accounts get most.
    account: Math.min(dice.below(ACCOUNTS.length), dice.below(ACCOUNTS.length)),
    key: Math.min(dice.below(KEYS.length), dice.below(KEYS.length)),
    model,
    served: dice.below(20) === 0 ? 'glm-5.3' : model,
  }
}

function toRow(index: number, startedAt: Millis, talk: Talk, dice: Dice): LedgerRow {
  const { outcome, status } = endOf(dice)
  const isOk = outcome === 'ok'
  const isServed = outcome !== 'refused'
  const account = ACCOUNTS[talk.account] ?? ''
  const ttftMs = 400 + Math.floor(6_000 * dice.next() ** 3)
  const outputTokens = isOk ? 20 + Math.floor(2_000 * dice.next() ** 2) : 0
  const read = isOk ? dice.below(150_000) : 0
  return {
    id: `${hex(startedAt, 12).replace(/^(.{8})/, '$1-')}-7${hex(index & 0xfff, 3)}-8${hex(dice.below(0xfff), 3)}-${hex(index, 12)}`,
    startedAt,
    method: 'POST',
    path: '/v1/messages',
    dialect: 'anthropic',
    provider: 'claude-oauth',
    accountId: isServed ? toAccountId(accountIdOf(talk.account)) : undefined,
    account: isServed ? account : undefined,
    keyId: keyIdOf(talk.key),
    key: KEYS[talk.key],
    session: talk.session,
    agent: dice.below(4) === 0 ? `${talk.session.slice(0, 8)}-${dice.below(4)}` : undefined,
    model: talk.model,
    servedModel: isServed ? talk.served : undefined,
    stream: true,
    status,
    outcome,
    attempts: isServed ? [{ account, status, ms: ttftMs }] : [],
    decision: DECISIONS[talk.account] ?? { strategy: 'affinity', candidates: [] },
    ttftMs: isOk ? ttftMs : undefined,
    durationMs: ttftMs + outputTokens * 14,
    usage: {
      ...NO_USAGE,
      inputTokens: isOk ? dice.below(500) : 0,
      outputTokens,
      cacheReadTokens: read,
      cacheWrite5mTokens: isOk ? dice.below(8_000) : 0,
      complete: isOk,
    },
    costUsd: talk.served === 'glm-5.3' ? undefined : (read * 0.3 + outputTokens * 15) / 1e6,
    error: isOk ? undefined : 'The upstream answered: overloaded_error.',
  }
}

/** What a row says of a choice among these accounts. */
const DECISIONS = ACCOUNTS.map((chosen) => ({
  strategy: 'affinity',
  reason: `the conversation is bound to ${chosen}, whose cache is warm`,
  candidates: ACCOUNTS.map((account) =>
    account === chosen ? { account } : { account, excluded: 'another account has the conversation’s cache' },
  ),
}))

function endOf(dice: Dice): { readonly outcome: Outcome; readonly status: number } {
  const throwOf = dice.below(1_000)
  if (throwOf < 945) return { outcome: 'ok', status: 200 }
  if (throwOf < 960) return { outcome: 'aborted', status: 200 }
  if (throwOf < 975) return { outcome: 'upstream-error', status: 529 }
  if (throwOf < 985) return { outcome: 'refused', status: 429 }
  if (throwOf < 997) return { outcome: 'client-error', status: 400 }
  return { outcome: 'truncated', status: 200 }
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0').slice(-digits)
const uuid = (dice: Dice): string =>
  `${hex(dice.below(2 ** 32), 8)}-${hex(dice.below(65_536), 4)}-4${hex(dice.below(4_096), 3)}-8${hex(dice.below(4_096), 3)}-${hex(dice.below(2 ** 48), 12)}`
