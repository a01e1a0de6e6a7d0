/**
 * Another gateway's history, brought into the ledger: rows with its ids, each once, marked as
 * what they are. Must not invent what the other did not keep.
 */
import { GatewayError } from '../../core/error.ts'
import type { LedgerRow } from '../../core/ledger.ts'
import { readDate } from '../../core/time.ts'
import { NO_USAGE } from '../../core/usage.ts'
import type { Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'

type Entry = Input<'importRequests'>['body']['requests'][number]

export const historyHandlers = (services: Services): Pick<Handlers, 'importRequests'> => ({
  async importRequests({ body: { source, requests } }, call) {
    const ids = new Map(services.accounts.all().map(({ id, name }) => [name, id]))
    const rows = requests.map((entry) => toRow(services, source, entry, ids.get(entry.account ?? '')))
    const added = await services.addHistory(rows)
    call.changed({ target: source, to: { requests: added } })
    return { added }
  },
})

function toRow(
  { historyId }: Services,
  source: string,
  entry: Entry,
  accountId: LedgerRow['accountId'],
): LedgerRow {
  const startedAt = readDate(entry.startedAt)
  if (startedAt === undefined)
    throw new GatewayError('bad-request', `"${entry.startedAt}" is not a time that can be kept.`)
  const { account, status, model } = entry
  const ms = Math.round(entry.durationMs)
  return {
    id: historyId(source, entry.id, startedAt),
    startedAt,
    method: entry.method,
    path: entry.path,
    dialect: 'anthropic',
    provider: entry.provider,
    accountId,
    account: account ?? undefined,
    keyId: undefined,
    key: undefined,
    session: undefined,
    agent: entry.agent,
    model: model ?? undefined,
    servedModel: model ?? undefined,
    stream: false,
    status,
    outcome: outcomeOf(entry),
    attempts: account === null ? [] : [{ account, status, ms }],
    decision: { strategy: source, reason: `taken over from ${source}`, candidates: [] },
    ttftMs: undefined,
    durationMs: ms,
    usage: {
      ...NO_USAGE,
      inputTokens: entry.inputTokens,
      outputTokens: entry.outputTokens,
      cacheReadTokens: entry.cacheReadTokens,
      cacheWrite5mTokens: entry.cacheWriteTokens,
    },
    costUsd: entry.costUsd ?? undefined,
    error: undefined,
  }
}

function outcomeOf({ isSuccess, status }: Entry): LedgerRow['outcome'] {
  if (isSuccess) return 'ok'
  return status >= 400 && status < 500 && status !== 429 ? 'client-error' : 'upstream-error'
}
