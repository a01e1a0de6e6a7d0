/** Settings of any JSON shape, and the database's own facts. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { withOutages } from '../../test/support/ledgers.ts'
import { NOON } from '../../test/support/samples.ts'
import { HOUR, later } from '../core/time.ts'
import { openSettings, openTerms, readMeta, writeMeta } from './settings.ts'

describe.each(await databases())('settings on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('of every kind are given back after a restart', async () => {
    const values: Readonly<Record<string, unknown>> = {
      text: 'round-robin',
      empty: '',
      number: 0.25,
      zero: 0,
      off: false,
      nothing: null,
      list: ['a', 'ü "b"'],
      object: { a: { b: 1 } },
    }
    const store = await openSettings(await its.open())
    for (const [name, value] of Object.entries(values)) await store.set(name, value)
    expect(Object.fromEntries(store.all())).toEqual(values)
    expect(Object.fromEntries((await openSettings(await its.reopen())).all())).toEqual(values)
  })

  it('have their last value', async () => {
    const store = await openSettings(await its.open())
    await store.set('strategy', 'session')
    await store.set('strategy', 'round-robin')
    expect((await openSettings(await its.reopen())).all()).toEqual(new Map([['strategy', 'round-robin']]))
  })

  it('are gone once taken back, also those that never were', async () => {
    const store = await openSettings(await its.open())
    await store.set('strategy', 'session')
    await store.unset('strategy')
    await store.unset('never')
    expect(store.all().size).toBe(0)
    expect((await openSettings(await its.reopen())).all().size).toBe(0)
  })

  it('keep facts about the database apart from them', async () => {
    const database = await its.open()
    expect(await readMeta(database, 'fact')).toBeUndefined()
    await writeMeta(database, 'fact', 'one')
    await writeMeta(database, 'fact', 'two')
    const again = await its.reopen()
    expect(await readMeta(again, 'fact')).toBe('two')
    expect((await openSettings(again)).all().size).toBe(0)
  })
})

describe.each(await databases())('the yes to providers’ terms on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('is not there at first', async () => {
    expect((await openTerms(await its.open())).acceptedAt).toBeUndefined()
  })

  it('is remembered with its moment, which stays the first one', async () => {
    const terms = await openTerms(await its.open())
    await terms.accept(NOON)
    await terms.accept(later(NOON, HOUR))
    expect(terms.acceptedAt).toBe(NOON)
    const again = await openTerms(await its.reopen())
    expect(again.acceptedAt).toBe(NOON)
    await again.accept(later(NOON, HOUR))
    expect((await openTerms(await its.reopen())).acceptedAt).toBe(NOON)
  })

  it('was not said when it could not be stored, and a sentence says why', async () => {
    const outage = withOutages(await its.open())
    const terms = await openTerms(outage.database)
    outage.begin()
    const yes = terms.accept(NOON)
    await expect(yes).rejects.toMatchObject({ code: 'unavailable' })
    await expect(yes).rejects.toThrow('The database cannot be reached')
    expect(terms.acceptedAt).toBeUndefined()
    outage.end()
    await terms.accept(NOON)
    expect(terms.acceptedAt).toBe(NOON)
  })
})
