/** Step 2 over what a gateway of schema 1 left: all of it is there, and what is new can be used. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../../test/support/databases.ts'
import { FIRST_ACCOUNT, FIRST_ROWS, FIVE_HOURS } from '../../../test/support/first-rows.ts'
import { rowsIn } from '../../../test/support/ledgers.ts'
import { makeOld, openStores } from '../../../test/support/old-databases.ts'
import { idOf, NOON, sampleCooldown, sampleKey, sampleRow } from '../../../test/support/samples.ts'
import { toSealedSecret } from '../../core/account.ts'
import { CACHE_LIFE_MS } from '../../core/session.ts'
import { HOUR, later } from '../../core/time.ts'
import { openSettings, readMeta } from '../settings.ts'

describe.each(await databases())('a database of schema 1 on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('is brought to the present schema with everything in it', async () => {
    await makeOld(await its.openAsIs(), 1, FIRST_ROWS)
    const database = await its.reopen()
    const storage = await openStores(database, its.directory)
    expect(storage.accounts.all()).toEqual([FIRST_ACCOUNT])
    expect(storage.keys.all()).toEqual([sampleKey('laptop')])
    expect(storage.health.load().get(idOf('a'))).toEqual({
      cooldowns: [sampleCooldown()],
      windows: [FIVE_HOURS],
      session: { startedAt: NOON, requests: 3 },
      login: undefined,
      standing: {},
    })
    expect(storage.bindings.get('talk')).toEqual({
      account: idOf('a'),
      spill: idOf('b'),
      boundAt: NOON,
      usedAt: NOON,
      organization: undefined,
      cache: { lifeMs: CACHE_LIFE_MS, tokens: 0, touchedAt: NOON, spillTokens: 0, paidUsd: 0 },
    })
    expect(storage.owners.ownerOf('file_1')).toEqual({ account: idOf('a'), organization: undefined })
    expect(await rowsIn(database)).toEqual([sampleRow(1)])
    expect((await storage.requests.accountTotals()).get(idOf('a'))).toMatchObject({ requests: 1 })
    expect((await openSettings(database)).all()).toEqual(new Map([['strategy', 'session']]))
    expect(await readMeta(database, 'fact')).toBe('one')
    expect(storage.terms.acceptedAt).toBeUndefined()
    await storage.close()
  })

  it('is of use then: what is new in schema 2 can be written and read', async () => {
    await makeOld(await its.openAsIs(), 1, FIRST_ROWS)
    const storage = await openStores(await its.reopen(), its.directory)
    const credential = {
      secret: toSealedSecret('v1.new'),
      refreshSecret: toSealedSecret('v1.refresh'),
      tokenExpiresAt: later(NOON, HOUR),
    }
    const terms = { holder: 'one', now: NOON, until: later(NOON, HOUR) }
    expect(await storage.credentials.claim(idOf('a'), 1, terms)).toEqual({
      kind: 'claimed',
      isInDoubt: false,
    })
    expect(await storage.credentials.replace(idOf('a'), 1, credential)).toMatchObject({
      credentialVersion: 2,
    })
    await storage.accounts.change(idOf('a'), { planOnly: true, network: toSealedSecret('v1.network') })
    storage.health.saveLogin(idOf('a'), { since: NOON, reason: 'gone' })
    storage.health.saveStanding(idOf('a'), { plan: 'claude_max' })
    storage.owners.put('file_1', { account: idOf('a'), organization: 'acme' })
    storage.events.add(idOf('a'), { at: NOON, kind: 'paused' })
    storage.readings.add(idOf('a'), [{ name: '5h', utilization: 0.5, readAt: NOON }])
    await storage.terms.accept(NOON)
    await storage.close()
    const again = await openStores(await its.reopen(), its.directory)
    expect(again.accounts.all()).toEqual([
      {
        ...FIRST_ACCOUNT,
        ...credential,
        credentialVersion: 2,
        planOnly: true,
        network: toSealedSecret('v1.network'),
      },
    ])
    expect(again.health.load().get(idOf('a'))).toMatchObject({
      cooldowns: [sampleCooldown()],
      login: { since: NOON, reason: 'gone' },
      standing: { plan: 'claude_max' },
    })
    expect(again.owners.ownerOf('file_1')).toEqual({ account: idOf('a'), organization: 'acme' })
    expect(await again.events.list(idOf('a'), { limit: 9 })).toMatchObject([{ at: NOON, kind: 'paused' }])
    expect(await again.readings.list({ since: NOON, until: NOON, limit: 9 })).toHaveLength(1)
    expect(again.terms.acceptedAt).toBe(NOON)
    await again.close()
  })
})
