/** Conversations keep their accounts over restarts, are bounded, and are written rarely. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { openLedger } from '../../test/support/ledgers.ts'
import { idOf, NOON } from '../../test/support/samples.ts'
import type { BindingStore } from '../core/ports/stores.ts'
import { type Binding, CACHE_LIFE_MS } from '../core/session.ts'
import { later, type Millis, toMillis } from '../core/time.ts'
import { openBindings } from './bindings.ts'
import type { Database, Statement } from './database.ts'
import type { WriteBehind } from './write-behind.ts'

const MOST = 50_000
const BEGINNING = toMillis(0)

const boundTo = (account: string, usedAt: Millis = NOON, spill?: string): Binding => ({
  account: idOf(account),
  spill: spill === undefined ? undefined : idOf(spill),
  boundAt: NOON,
  usedAt,
  organization: 'org-1',
  cache: { lifeMs: CACHE_LIFE_MS, tokens: 7, touchedAt: usedAt, spillTokens: 3, paidUsd: 0.5 },
})

describe.each(await databases())('bindings on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  /** Puts, writes everything down and restarts. */
  async function afterRestart(
    put: (store: BindingStore) => void,
    oldest: Millis = BEGINNING,
  ): Promise<BindingStore> {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    put(await openBindings(database, ledger, BEGINNING))
    await ledger.close()
    const again = await its.reopen()
    return openBindings(again, openLedger(again, its.directory), oldest)
  }

  it('come back with everything that belongs to them', async () => {
    const store = await afterRestart((before) => {
      before.put('plain', boundTo('a'))
      before.put('spilled', boundTo('a', NOON, 'b'))
      before.put("it's/ünusual", boundTo('c'))
    })
    expect(store.get('plain')).toEqual(boundTo('a'))
    expect(store.get('spilled')).toEqual(boundTo('a', NOON, 'b'))
    expect(store.get("it's/ünusual")).toEqual(boundTo('c'))
    expect(store.get('unknown')).toBeUndefined()
  })

  it('are what they were last', async () => {
    const store = await afterRestart((before) => {
      before.put('talk', boundTo('a', NOON, 'b'))
      before.put('talk', boundTo('b'))
    })
    expect(store.get('talk')).toEqual(boundTo('b'))
  })

  it('are not read back once their session is over, and are gone from the database', async () => {
    const oldest = later(NOON, 1)
    const store = await afterRestart((before) => {
      before.put('over', boundTo('a', NOON))
      before.put('open', boundTo('a', oldest))
    }, oldest)
    expect(store.get('over')).toBeUndefined()
    expect(store.get('open')).toEqual(boundTo('a', oldest))
    expect(await conversationsIn(await its.reopen())).toEqual(['open'])
  })

  it('are never more than fifty thousand; the longest unused goes first, here and in the database', async () => {
    const writes = recordingWrites()
    const store = await openBindings(await its.open(), writes, BEGINNING)
    for (let n = 0; n < MOST; n++) store.put(`talk-${n}`, boundTo('a'))
    store.put('talk-0', boundTo('a', later(NOON, 1)))
    store.put('one-more', boundTo('a'))
    expect(store.get('talk-1')).toBeUndefined()
    expect(store.get('talk-0')).toBeDefined()
    expect(store.get('talk-2')).toBeDefined()
    expect(store.get('one-more')).toBeDefined()
    expect(writes.statementOf('binding talk-1')).toMatchObject({ values: ['talk-1'] })
    expect(writes.statementOf('binding talk-1')?.text).toContain('delete')
  })

  it('go in the order of their use also after a restart', async () => {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    const before = await openBindings(database, ledger, BEGINNING)
    before.put('used last', boundTo('a', later(NOON, 9)))
    before.put('used first', boundTo('a', later(NOON, 1)))
    before.put('used second', boundTo('a', later(NOON, 2)))
    await ledger.close()
    const store = await openBindings(await its.reopen(), recordingWrites(), BEGINNING)
    for (let n = 0; n < MOST - 2; n++) store.put(`talk-${n}`, boundTo('a'))
    expect(store.get('used first')).toBeUndefined()
    expect(store.get('used second')).toBeDefined()
    store.put('another', boundTo('a'))
    expect(store.get('used second')).toBeUndefined()
    expect(store.get('used last')).toBeDefined()
  })

  it('that only grow older are written once in the life of a cache', async () => {
    const writes = recordingWrites()
    const store = await openBindings(await its.open(), writes, BEGINNING)
    for (let ms = 0; ms <= CACHE_LIFE_MS; ms += 1_000) store.put('talk', boundTo('a', later(NOON, ms)))
    expect(writes.count).toBe(1)
    store.put('talk', boundTo('a', later(NOON, CACHE_LIFE_MS + 1)))
    expect(writes.count).toBe(2)
  })

  it('that change are written at every change', async () => {
    const writes = recordingWrites()
    const store = await openBindings(await its.open(), writes, BEGINNING)
    store.put('talk', boundTo('a'))
    store.put('talk', boundTo('a', NOON, 'b'))
    store.put('talk', boundTo('a', NOON, 'c'))
    store.put('talk', boundTo('b'))
    expect(writes.count).toBe(4)
  })
})

async function conversationsIn(database: Database): Promise<readonly unknown[]> {
  const rows = await database.load('select conversation from bindings')
  return rows.map(({ conversation }) => conversation)
}

interface RecordedWrites extends WriteBehind {
  readonly count: number
  statementOf(key: string): Statement | undefined
}

/** Remembers what is to be written and writes nothing. */
function recordingWrites(): RecordedWrites {
  const waiting = new Map<string, () => Statement>()
  let count = 0
  const add = (key: string, make: () => Statement): void => {
    count++
    waiting.set(key, make)
  }
  return {
    defer: add,
    hurry: add,
    get count() {
      return count
    },
    statementOf: (key) => waiting.get(key)?.(),
  }
}
