/**
 * DeepSeek: prepaid, without windows; statuses that mean what they say, save two
 * (`wire.md` §4.1–4.2).
 */
import { ANTHROPIC_DIALECT } from './dialect.ts'
import { objectsOf, readNumber, readText } from './fields.ts'
import type { Provider } from './provider.ts'
import { asBearer, asKey } from './sign.ts'
import { BALANCE_EVERY_MS, toBalance, usageReader, type WindowsOf } from './usage.ts'
import { modelTrouble, type ReadVendorError, serverTrouble, vendorFailure } from './vendor-failure.ts'

const UNKNOWN_MODEL = /^model not exist/i

const readDeepseekError: ReadVendorError = ({ message }, answer) => {
  if (answer.status === 400 && UNKNOWN_MODEL.test(message)) return modelTrouble(answer, 'model-not-found')
  return answer.status === 503 ? serverTrouble(answer, 'overloaded') : undefined
}

/** One balance a currency; the first one with money in it is the account's. */
const readBalances: WindowsOf = (body, { now }) => {
  const isUsable = body.is_available !== false
  const balances = objectsOf(body.balance_infos).flatMap(({ currency, total_balance: total }) => {
    const remaining = readNumber(total)
    return remaining === undefined ? [] : [{ unit: readText(currency), remaining, isUsable }]
  })
  if (balances.length === 0) return undefined
  const main = balances.find(({ remaining }) => remaining > 0) ?? balances[0]
  return balances.map((balance) =>
    toBalance(
      balance === main ? balance : { ...balance, name: `balance_${balance.unit?.toLowerCase()}` },
      now,
    ),
  )
}

export const DEEPSEEK: Provider = {
  ...ANTHROPIC_DIALECT,
  id: 'deepseek',
  label: 'DeepSeek',
  baseUrl: 'https://api.deepseek.com/anthropic',
  sign: asKey,
  models: ['deepseek-flash', 'deepseek-v4-pro'],
  notes: [
    'Names of Claude models are served as well: those of Opus by deepseek-v4-pro, all others by deepseek-flash.',
    'It ignores anthropic-beta, containers and MCP servers.',
  ],
  readFailure: vendorFailure(readDeepseekError),
  usage: {
    path: '/user/balance',
    signs: [asBearer],
    everyMs: BALANCE_EVERY_MS,
    read: usageReader(readBalances),
  },
}
