/** Client keys are found by their digest, and turned off or revoked for good. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { NOON, sampleKey } from '../../test/support/samples.ts'
import { isUsable } from '../core/access.ts'
import { later } from '../core/time.ts'
import { statement } from './database.ts'
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

  it('keep what is said of their requests over a restart, and lose what is taken back', async () => {
    const store = await openKeys(await its.open())
    const rules = { pool: 'team', holdMs: 90_000, models: { opus: 'claude-haiku-5-5' } }
    await store.add(sampleKey('a', { rules }))
    await store.add(sampleKey('b', { rules }))
    await store.change('id-b', { rules: { runaway: 'off' } })
    for (const each of [store, await openKeys(await its.reopen())]) {
      expect(each.byDigest('digest-a')?.rules).toEqual(rules)
      expect(each.byDigest('digest-b')?.rules).toEqual({ runaway: 'off' })
    }
  })

  it('have no rules where an older version stored none, and are off where theirs cannot be read', async () => {
    const database = await its.open()
    const store = await openKeys(database)
    for (const name of ['old', 'odd', 'broken']) await store.add(sampleKey(name, { rules: { pool: 'team' } }))
    const write = (name: string, text: string | null) =>
      statement('update client_keys set rules_json = $1 where id = $2', text, `id-${name}`)
    await database.commit(
      [write('old', null), write('odd', '{"class":7}'), write('broken', '{"pool":')],
      'full',
    )
    const reopened = await openKeys(await its.reopen())
    const found = ['old', 'odd', 'broken'].map((name) => reopened.byDigest(`digest-${name}`))
    expect(found.map((key) => key?.rules)).toEqual([{}, {}, {}])
    expect(found.map((key) => key !== undefined && isUsable(key))).toEqual([true, true, false])
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
