/** Everything that is remembered, opened together: a restart changes nothing, a crash loses nothing. */
import { describe, expect, it } from 'bun:test'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { databases, type TestDatabase } from '../../test/support/databases.ts'
import { journalFileIn, openLedger, rowsIn, withOutages } from '../../test/support/ledgers.ts'
import {
  idOf,
  manualClock,
  memoryLog,
  NOON,
  ownerOf,
  sampleAccount,
  sampleBinding,
  sampleKey,
  sampleRow,
} from '../../test/support/samples.ts'
import type { Account } from '../core/account.ts'
import type { Log } from '../core/ports/log.ts'
import { HOUR, later } from '../core/time.ts'
import { openStorage, type Storage } from './storage.ts'

describe.each(await databases())('the storage on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('gives everything back after a restart', async () => {
    const first = await openAll(its)
    await fill(first)
    await first.close()
    const second = await openAll(its)
    expect(second.accounts.all()).toEqual([sampleAccount('a')])
    expect(second.keys.byDigest('digest-laptop')).toEqual(sampleKey('laptop'))
    expect(second.bindings.get('talk')?.account).toBe(idOf('a'))
    expect(second.owners.ownerOf('file_1')).toEqual(ownerOf('a'))
    expect(second.health.load().get(idOf('a'))?.session).toEqual({ startedAt: NOON, requests: 3 })
    expect(await second.requests.list({ limit: 10 })).toEqual([sampleRow(1)])
    expect((await second.requests.accountTotals()).get(idOf('a'))?.requests).toBe(1)
    await second.close()
  })

  it('brings in what a crash left in the journal, and says how much', async () => {
    const outage = withOutages(await its.open())
    const crashing = openLedger(outage.database, its.directory)
    outage.begin()
    crashing.append(sampleRow(1))
    crashing.append(sampleRow(2))
    const log = memoryLog()
    const second = await openAll(its, { log })
    expect(log.lines).toEqual(['info 2 ledger rows of the last run were brought in from the journal.'])
    expect(await rowsIn(second.database)).toHaveLength(2)
    await second.close()
  })

  it('says nothing about an orderly end, after which the journal is empty', async () => {
    const first = await openAll(its)
    await fill(first)
    await first.close()
    expect(existsSync(journalFileIn(its.directory))).toBe(true)
    expect(statSync(journalFileIn(its.directory)).size).toBe(0)
    const log = memoryLog()
    await (await openAll(its, { log })).close()
    expect(log.lines).toEqual([])
  })

  it('does not read back conversations whose session has ended', async () => {
    const first = await openAll(its)
    await fill(first)
    await first.close()
    const second = await openAll(its, { startedAt: later(NOON, 6 * HOUR) })
    expect(second.bindings.get('talk')).toBeUndefined()
    expect(second.owners.ownerOf('file_1')).toEqual(ownerOf('a'))
    await second.close()
  })

  it('tells of changes to accounts', async () => {
    const heard: number[] = []
    const storage = await openAll(its, { onAccounts: (accounts) => void heard.push(accounts.length) })
    await storage.accounts.add(sampleAccount('a'))
    await storage.accounts.remove(idOf('a'))
    expect(heard).toEqual([1, 0])
    await storage.close()
  })
})

interface Plan {
  readonly log?: Log
  readonly startedAt?: typeof NOON
  readonly onAccounts?: (accounts: readonly Account[]) => void
}

async function openAll(
  its: TestDatabase,
  { log = memoryLog(), startedAt = NOON, onAccounts = () => {} }: Plan = {},
): Promise<Storage> {
  return openStorage({
    database: await its.reopen(),
    journalFile: journalFileIn(its.directory),
    rescueFile: join(its.directory, 'credentials.journal'),
    newId: () => Bun.randomUUIDv7(),
    clock: manualClock(startedAt),
    log,
    sessionMs: 5 * HOUR,
    onAccounts,
  })
}

/** One of everything. */
async function fill({ accounts, keys, bindings, owners, health, ledger }: Storage): Promise<void> {
  await accounts.add(sampleAccount('a'))
  await keys.add(sampleKey('laptop'))
  bindings.put('talk', sampleBinding('a'))
  owners.put('file_1', ownerOf('a'))
  health.saveSession(idOf('a'), { startedAt: NOON, requests: 3 })
  ledger.append(sampleRow(1))
}
