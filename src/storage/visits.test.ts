/** Who is signed in stays signed in over a restart, and signed out as well. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { NOON, sampleVisit } from '../../test/support/samples.ts'
import { HOUR, later } from '../core/time.ts'
import type { Database, Statement } from './database.ts'
import { openVisits } from './visits.ts'
import type { WriteBehind } from './write-behind.ts'

/** Writes when it is told to. */
function manualBehind(database: Database): WriteBehind & { write(): Promise<unknown> } {
  const pending = new Map<string, () => Statement>()
  return {
    defer: (key, make) => void pending.set(key, make),
    hurry: (key, make) => void pending.set(key, make),
    write: () =>
      database.commit(
        [...pending.values()].map((make) => make()),
        'normal',
      ),
  }
}

describe.each(await databases())('visits on %s', (_kind, useDatabase) => {
  const its = useDatabase()
  const open = async (database: Database) => {
    const behind = manualBehind(database)
    return { behind, store: await openVisits(database, behind) }
  }

  it('are given back after a restart as they were, oldest first', async () => {
    const { store } = await open(await its.open())
    const visits = [sampleVisit('a'), sampleVisit('b', { userId: undefined, way: 'oidc', role: 'owner' })]
    for (const visit of visits) await store.add(visit)
    for (const each of [store, (await open(await its.reopen())).store]) {
      expect(each.all()).toEqual(visits)
      expect(each.byDigest('digest-b')).toEqual(visits[1])
      expect(each.byDigest('digest-')).toBeUndefined()
    }
  })

  it('are ended for good', async () => {
    const { store } = await open(await its.open())
    for (const name of ['a', 'b', 'c']) await store.add(sampleVisit(name))
    await store.remove(['visit-a', 'visit-c', 'nobody'])
    for (const each of [store, (await open(await its.reopen())).store])
      expect(each.all()).toEqual([sampleVisit('b')])
  })

  it('are known to be used at once, and after a restart when that was written', async () => {
    const { store, behind } = await open(await its.open())
    await store.add(sampleVisit('a'))
    const usedAt = later(NOON, HOUR)
    store.touch('visit-a', usedAt)
    store.touch('nobody', usedAt)
    expect(store.byDigest('digest-a')?.usedAt).toBe(usedAt)
    await behind.write()
    expect((await open(await its.reopen())).store.all()).toEqual([sampleVisit('a', { usedAt })])
  })
})
