/**
 * Conversations and their accounts. In memory for the request path, bounded: the longest
 * unused go first, and those past their session's end are not read back at start.
 */
import { toAccountId } from '../core/account.ts'
import type { BindingStore } from '../core/ports/stores.ts'
import { type Binding, CACHE_LIFE_MS, type CacheFacts } from '../core/session.ts'
import { type Millis, toMillis } from '../core/time.ts'
import { type Database, jsonOf, numberOf, optionalText, type Row, statement, textOf } from './database.ts'
import type { WriteBehind } from './write-behind.ts'

const MOST_BINDINGS = 50_000
/** A binding that only grew older is written again this rarely. */
const REWRITE_MS = CACHE_LIFE_MS

const UPSERT = `insert into bindings (conversation, account_id, spill_id, bound_at, used_at, cache_json)
  values ($1, $2, $3, $4, $5, $6)
  on conflict (conversation) do update set account_id = excluded.account_id, spill_id = excluded.spill_id,
    bound_at = excluded.bound_at, used_at = excluded.used_at, cache_json = excluded.cache_json`

export async function openBindings(
  database: Database,
  behind: WriteBehind,
  oldest: Millis,
): Promise<BindingStore> {
  await database.commit([statement('delete from bindings where used_at < $1', oldest)], 'normal')
  const rows = await database.load(`select * from bindings order by used_at desc limit ${MOST_BINDINGS}`)
  // Insertion order is the order of use: the first key is the longest unused.
  const bindings = new Map<string, Binding>(
    rows.toReversed().map((row) => [textOf(row, 'conversation'), toBinding(row)]),
  )
  const writtenAt = new Map<string, Millis>()

  const write = (conversation: string, binding: Binding): void => {
    writtenAt.set(conversation, binding.usedAt)
    behind.defer(`binding ${conversation}`, () => {
      const { account, spill = null, boundAt, usedAt, organization, cache } = binding
      const kept = JSON.stringify({ ...cache, organization })
      return statement(UPSERT, ...[conversation, account, spill, boundAt, usedAt, kept])
    })
  }
  const forgetOldest = (): void => {
    const [oldestKey] = bindings.keys()
    if (oldestKey === undefined) return
    bindings.delete(oldestKey)
    writtenAt.delete(oldestKey)
    behind.defer(`binding ${oldestKey}`, () =>
      statement('delete from bindings where conversation = $1', oldestKey),
    )
  }
  return {
    get: (conversation) => bindings.get(conversation),
    put(slice, binding) {
      // A copy: the key may be a slice that keeps a whole request's head in memory.
      const conversation = Buffer.from(slice).toString()
      const before = bindings.get(conversation)
      bindings.delete(conversation)
      bindings.set(conversation, binding)
      const isSame =
        before?.account === binding.account &&
        before.spill === binding.spill &&
        before.cache.lifeMs === binding.cache.lifeMs
      if (!isSame || binding.usedAt - (writtenAt.get(conversation) ?? 0) > REWRITE_MS)
        write(conversation, binding)
      if (bindings.size > MOST_BINDINGS) forgetOldest()
    },
  }
}

function toBinding(row: Row): Binding {
  const spill = optionalText(row, 'spill_id')
  const usedAt = toMillis(numberOf(row, 'used_at'))
  // Written by an earlier version: nothing is known of its cache but when it was used.
  const unknown = { lifeMs: CACHE_LIFE_MS, tokens: 0, touchedAt: usedAt, spillTokens: 0, paidUsd: 0 }
  const { organization, ...cache } = jsonOf<Kept>(row, 'cache_json', unknown)
  return {
    account: toAccountId(textOf(row, 'account_id')),
    spill: spill === undefined ? undefined : toAccountId(spill),
    boundAt: toMillis(numberOf(row, 'bound_at')),
    usedAt,
    organization,
    cache: { ...unknown, ...cache },
  }
}

type Kept = CacheFacts & { readonly organization?: string }
