/** Client keys are found by their digest, and turned off or revoked for good. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { NOON, sampleKey } from '../../test/support/samples.ts'
import { later } from '../core/time.ts'
import { openKeys } from './keys.ts'

describe.each(await databases())('keys on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('are given back after a restart as they were added, oldest first', async () => {
    const store = await openKeys(await its.open())
    const [old, young] = [sampleKey('old'), sampleKey('young', { createdAt: later(NOON, 1) })]
    await store.add(young)
    await store.add(old)
    expect((await openKeys(await its.reopen())).all()).toEqual([old, young])
  })

  it('are found by their digest, and by nothing that is nearly it', async () => {
    const store = await openKeys(await its.open())
    const key = sampleKey('laptop')
    await store.add(key)
    for (const each of [store, await openKeys(await its.reopen())]) {
      expect(each.byDigest('digest-laptop')).toEqual(key)
      expect(each.byDigest('digest-lapto')).toBeUndefined()
      expect(each.byDigest('DIGEST-LAPTOP')).toBeUndefined()
      expect(each.byDigest("' or 1=1 --")).toBeUndefined()
    }
  })

  it('stay disabled, enabled and revoked over a restart', async () => {
    const store = await openKeys(await its.open())
    for (const name of ['disabled', 'enabled', 'revoked']) await store.add(sampleKey(name))
    await store.change('id-disabled', { disabledAt: NOON })
    await store.change('id-enabled', { disabledAt: NOON })
    await store.change('id-enabled', { disabledAt: undefined })
    await store.change('id-revoked', { revokedAt: NOON })
    for (const each of [store, await openKeys(await its.reopen())]) {
      expect(each.byDigest('digest-disabled')?.disabledAt).toBe(NOON)
      expect(each.byDigest('digest-enabled')?.disabledAt).toBeUndefined()
      expect(each.byDigest('digest-revoked')?.revokedAt).toBe(NOON)
    }
  })

  it('are listed in one order, whatever was changed about them', async () => {
    const store = await openKeys(await its.open())
    for (const name of ['a', 'b', 'c']) await store.add(sampleKey(name))
    await store.change('id-a', { disabledAt: NOON })
    const names = store.all().map(({ name }) => name)
    const namesLater = (await openKeys(await its.reopen())).all().map(({ name }) => name)
    expect(names).toEqual(namesLater)
  })

  it('cannot be two of the same name', async () => {
    const store = await openKeys(await its.open())
    await store.add(sampleKey('a'))
    await store.add(sampleKey('b'))
    const twin = sampleKey('a', { id: 'id-twin', digest: 'digest-twin' })
    await expect(store.add(twin)).rejects.toMatchObject({ code: 'conflict' })
    await expect(store.change('id-b', { name: 'a' })).rejects.toThrow('There is a key called "a" already.')
    expect(store.byDigest('digest-twin')).toBeUndefined()
    expect(store.byDigest('digest-b')?.name).toBe('b')
  })

  it('that do not exist cannot be changed', async () => {
    const store = await openKeys(await its.open())
    await expect(store.change('id-nobody', { name: 'x' })).rejects.toMatchObject({ code: 'not-found' })
  })
})
