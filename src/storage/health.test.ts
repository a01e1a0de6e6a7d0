/** Cooldowns, windows and sessions outlive a restart, each account's apart from the others'. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { openLedger } from '../../test/support/ledgers.ts'
import { idOf, NOON } from '../../test/support/samples.ts'
import type { Cooldown } from '../core/health.ts'
import type { Window } from '../core/limits.ts'
import type { HealthStore } from '../core/ports/stores.ts'
import { later } from '../core/time.ts'
import { openHealth } from './health.ts'

const COOLDOWNS: readonly Cooldown[] = [
  {
    scope: { kind: 'account' },
    cause: 'window-spent',
    evidence: 'The 5h window is "spent" – 100 %',
    since: NOON,
    until: later(NOON, 60_000),
  },
  {
    scope: { kind: 'family', family: 'opus' },
    cause: 'family-spent',
    evidence: '7d_opus',
    since: NOON,
    until: later(NOON, 90_000),
  },
]
const WINDOWS: readonly Window[] = [
  { name: '5h', utilization: 0.42, resetsAt: later(NOON, 1), status: 'allowed', readAt: NOON },
  { name: '7d', readAt: NOON },
]
const SESSION = { startedAt: NOON, requests: 17 }
const NOTHING_MORE = { login: undefined, standing: {} }

describe.each(await databases())('health on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  /** Saves, writes everything down, restarts and loads. */
  async function afterRestart(save: (store: HealthStore) => void): Promise<ReturnType<HealthStore['load']>> {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    save(await openHealth(database, ledger))
    await ledger.close()
    const again = await its.reopen()
    const store = await openHealth(again, openLedger(again, its.directory))
    return store.load()
  }

  it('is empty at first', async () => {
    expect((await afterRestart(() => {})).size).toBe(0)
  })

  it('comes back whole', async () => {
    const loaded = await afterRestart((store) => {
      store.saveCooldowns(idOf('a'), COOLDOWNS)
      store.saveWindows(idOf('a'), WINDOWS)
      store.saveSession(idOf('a'), SESSION)
    })
    expect(loaded.get(idOf('a'))).toEqual({
      cooldowns: COOLDOWNS,
      windows: WINDOWS,
      session: SESSION,
      ...NOTHING_MORE,
    })
  })

  it('comes back in part where only a part was ever saved', async () => {
    const loaded = await afterRestart((store) => {
      store.saveCooldowns(idOf('cooling'), COOLDOWNS)
      store.saveWindows(idOf('read'), WINDOWS)
      store.saveSession(idOf('used'), SESSION)
    })
    expect(loaded.get(idOf('cooling'))).toEqual({
      cooldowns: COOLDOWNS,
      windows: [],
      session: undefined,
      ...NOTHING_MORE,
    })
    expect(loaded.get(idOf('read'))).toEqual({
      cooldowns: [],
      windows: WINDOWS,
      session: undefined,
      ...NOTHING_MORE,
    })
    expect(loaded.get(idOf('used'))).toEqual({
      cooldowns: [],
      windows: [],
      session: SESSION,
      ...NOTHING_MORE,
    })
  })

  it('is what was said last', async () => {
    const loaded = await afterRestart((store) => {
      store.saveCooldowns(idOf('a'), COOLDOWNS)
      store.saveSession(idOf('a'), SESSION)
      store.saveCooldowns(idOf('a'), [])
      store.saveSession(idOf('a'), undefined)
    })
    expect(loaded.get(idOf('a'))).toEqual({ cooldowns: [], windows: [], session: undefined, ...NOTHING_MORE })
  })

  it('has its cooldowns in the database without waiting for another request', async () => {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    const store = await openHealth(database, ledger)
    store.saveCooldowns(idOf('a'), COOLDOWNS)
    await ledger.settled()
    expect((await openHealth(database, ledger)).load().get(idOf('a'))?.cooldowns).toEqual(COOLDOWNS)
    await ledger.close()
  })
})
