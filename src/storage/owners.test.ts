/** Who made a file, a batch or a skill is remembered over restarts, within bounds. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { openLedger } from '../../test/support/ledgers.ts'
import { manualClock, ownerOf } from '../../test/support/samples.ts'
import type { OwnerStore } from '../core/ports/stores.ts'
import { openOwners } from './owners.ts'
import type { WriteBehind } from './write-behind.ts'

const MOST = 100_000

describe.each(await databases())('owners on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  /** Puts, writes everything down and restarts. */
  async function afterRestart(put: (store: OwnerStore) => void): Promise<OwnerStore> {
    const database = await its.reopen()
    const ledger = openLedger(database, its.directory)
    put(await openOwners(database, ledger, manualClock()))
    await ledger.close()
    const again = await its.reopen()
    return openOwners(again, openLedger(again, its.directory), manualClock())
  }

  it('are nobody at first, and then somebody for good', async () => {
    const empty = await afterRestart(() => {})
    expect(empty.isEmpty).toBe(true)
    expect(empty.ownerOf('file_1')).toBeUndefined()
    const store = await afterRestart((before) => {
      before.put('file_1', ownerOf('a'))
      before.put('msgbatch_1', ownerOf('b'))
    })
    expect(store.isEmpty).toBe(false)
    expect(store.ownerOf('file_1')).toEqual(ownerOf('a'))
    expect(store.ownerOf('msgbatch_1')).toEqual(ownerOf('b'))
    expect(store.ownerOf('file_2')).toBeUndefined()
  })

  it('are the last that were named', async () => {
    const store = await afterRestart((before) => {
      before.put('file_1', ownerOf('a'))
      before.put('file_1', ownerOf('b'))
    })
    expect(store.ownerOf('file_1')).toEqual(ownerOf('b'))
  })

  it('are never more than a hundred thousand; the oldest goes first', async () => {
    const store = await openOwners(await its.open(), nothingWritten, manualClock())
    for (let n = 0; n <= MOST; n++) store.put(`file_${n}`, ownerOf('a'))
    expect(store.ownerOf('file_0')).toBeUndefined()
    expect(store.ownerOf('file_1')).toEqual(ownerOf('a'))
    expect(store.ownerOf(`file_${MOST}`)).toEqual(ownerOf('a'))
  })

  it('leave in the order in which they were made also after a restart', async () => {
    const clock = manualClock()
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    const before = await openOwners(database, ledger, clock)
    before.put('file_old', ownerOf('a'))
    await ledger.settled()
    clock.advance(1_000)
    before.put('file_new', ownerOf('a'))
    await ledger.close()
    const store = await openOwners(await its.reopen(), nothingWritten, clock)
    for (let n = 0; n < MOST - 1; n++) store.put(`file_${n}`, ownerOf('b'))
    expect(store.ownerOf('file_old')).toBeUndefined()
    expect(store.ownerOf('file_new')).toEqual(ownerOf('a'))
  })
})

const nothingWritten: WriteBehind = { defer: () => {}, hurry: () => {} }
