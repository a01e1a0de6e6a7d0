/** Users are kept over a restart, by name, each name once. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { NOON, sampleUser } from '../../test/support/samples.ts'
import { statement } from './database.ts'
import { openUsers } from './users.ts'

describe.each(await databases())('users on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('are given back after a restart as they were, by name', async () => {
    const store = await openUsers(await its.open())
    const [ann, bob] = [sampleUser('ann', { role: 'viewer', disabledAt: NOON }), sampleUser('bob')]
    await store.add(bob)
    await store.add(ann)
    expect(store.all()).toEqual([ann, bob])
    expect((await openUsers(await its.reopen())).all()).toEqual([ann, bob])
  })

  it('are changed and removed for good', async () => {
    const store = await openUsers(await its.open())
    for (const name of ['ann', 'bob', 'eve']) await store.add(sampleUser(name))
    await store.change('id-ann', { name: 'zoe', role: 'operator', passwordHash: 'other', disabledAt: NOON })
    await store.change('id-bob', { disabledAt: NOON })
    await store.change('id-bob', { disabledAt: undefined })
    await store.remove('id-eve')
    const zoe = { id: 'id-ann', role: 'operator', passwordHash: 'other', disabledAt: NOON } as const
    for (const each of [store, await openUsers(await its.reopen())])
      expect(each.all()).toEqual([sampleUser('bob'), sampleUser('zoe', zoe)])
  })

  it('have names of their own', async () => {
    const store = await openUsers(await its.open())
    await store.add(sampleUser('ann'))
    await store.add(sampleUser('bob'))
    await expect(store.add(sampleUser('ann', { id: 'other' }))).rejects.toMatchObject({ code: 'conflict' })
    await expect(store.change('id-bob', { name: 'ann' })).rejects.toThrow(
      'There is a user called "ann" already.',
    )
    await expect(store.change('nobody', {})).rejects.toMatchObject({ code: 'not-found' })
    expect(store.all()).toEqual([sampleUser('ann'), sampleUser('bob')])
  })

  it('with a role of another version may do least', async () => {
    const database = await its.open()
    await (await openUsers(database)).add(sampleUser('ann'))
    await database.commit([statement("update users set role = 'emperor'")], 'full')
    expect((await openUsers(database)).all()).toEqual([sampleUser('ann', { role: 'viewer' })])
  })
})
