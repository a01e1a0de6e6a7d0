/**
 * Credentials that are renewed (G9): claimed by one at a time, replaced by compare-and-swap,
 * and never lost while the database takes nothing.
 */
import { describe, expect, it } from 'bun:test'
import { join } from 'node:path'
import { databases, type TestDatabase } from '../../test/support/databases.ts'
import { withOutages } from '../../test/support/ledgers.ts'
import { idOf, memoryLog, NOON, sampleAccount } from '../../test/support/samples.ts'
import { eventually } from '../../test/support/world.ts'
import { type Account, toSealedSecret } from '../core/account.ts'
import type { ClaimTerms, Credential } from '../core/ports/stores.ts'
import { HOUR, later, MINUTE, type Millis, SECOND } from '../core/time.ts'
import { openAccounts } from './accounts.ts'
import { openCredentials } from './credentials.ts'
import type { Database } from './database.ts'
import { statement } from './database.ts'
import { openRescueFile, type RescueFile } from './rescue-file.ts'

const A = idOf('a')

describe.each(await databases())('credentials on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  describe('a claim', () => {
    it('is had by one at a time', async () => {
      const { credentials } = await open(its)
      expect(await credentials.claim(A, 1, terms('one'))).toEqual({ kind: 'claimed', isInDoubt: false })
      expect(await credentials.claim(A, 1, terms('two'))).toEqual({ kind: 'held' })
      await credentials.close()
    })

    it('is had by exactly one of many that come at once', async () => {
      const { credentials } = await open(its)
      const holders = Array.from({ length: 20 }, (_, index) => `holder-${index}`)
      const claims = await Promise.all(holders.map((holder) => credentials.claim(A, 1, terms(holder))))
      expect(claims.filter(({ kind }) => kind === 'claimed')).toHaveLength(1)
      expect(claims.filter(({ kind }) => kind === 'held')).toHaveLength(19)
    })

    it('that was given up is free, with nothing in doubt', async () => {
      const { credentials } = await open(its)
      await credentials.claim(A, 1, terms('one'))
      await credentials.release(A, 'one', false)
      expect(await credentials.claim(A, 1, terms('two'))).toEqual({ kind: 'claimed', isInDoubt: false })
    })

    it('that was given up in doubt is free at once, and the doubt goes with it until something is stored', async () => {
      const { credentials } = await open(its)
      await credentials.claim(A, 1, terms('one'))
      await credentials.release(A, 'one', true)
      expect(await credentials.claim(A, 1, terms('two'))).toEqual({ kind: 'claimed', isInDoubt: true })
      await credentials.release(A, 'two', true)
      await credentials.claim(A, 1, terms('three'))
      await credentials.replace(A, 1, RENEWED)
      expect(await credentials.claim(A, 2, terms('four'))).toEqual({ kind: 'claimed', isInDoubt: false })
    })

    it('that has run out is taken over from its very end on, in doubt', async () => {
      const { credentials } = await open(its)
      await credentials.claim(A, 1, terms('one', { until: later(NOON, MINUTE) }))
      const late = (ms: number) => terms('two', { now: later(NOON, ms), until: later(NOON, HOUR) })
      expect(await credentials.claim(A, 1, late(MINUTE - 1))).toEqual({ kind: 'held' })
      expect(await credentials.claim(A, 1, late(MINUTE))).toEqual({ kind: 'claimed', isInDoubt: true })
    })

    it('that somebody else has taken over is not given up by the one before', async () => {
      const { credentials } = await open(its)
      await credentials.claim(A, 1, terms('one', { until: later(NOON, SECOND) }))
      await credentials.claim(A, 1, terms('two', { now: later(NOON, 2 * SECOND) }))
      await credentials.release(A, 'one', false)
      expect(await credentials.claim(A, 1, terms('three', { now: later(NOON, 3 * SECOND) }))).toEqual({
        kind: 'held',
      })
    })

    it('of the same holder again is had, in doubt: it never said what came of the first', async () => {
      const { credentials } = await open(its)
      await credentials.claim(A, 1, terms('one'))
      expect(await credentials.claim(A, 1, terms('one'))).toEqual({ kind: 'claimed', isInDoubt: true })
    })

    it('of another version than the stored one, or of nobody’s, comes too late', async () => {
      const { credentials } = await open(its)
      expect(await credentials.claim(A, 2, terms('one'))).toEqual({ kind: 'superseded' })
      expect(await credentials.claim(idOf('nobody'), 1, terms('one'))).toEqual({ kind: 'superseded' })
      await credentials.replace(A, 1, RENEWED)
      expect(await credentials.claim(A, 1, terms('one'))).toEqual({ kind: 'superseded' })
    })

    it('that a crash has left behind is in doubt at the next start, whatever time it is', async () => {
      const first = await open(its)
      await first.credentials.claim(A, 1, terms('one', { until: later(NOON, 10 * HOUR) }))
      const second = await open(its)
      expect(await second.credentials.claim(A, 1, terms('two'))).toEqual({ kind: 'claimed', isInDoubt: true })
    })

    it('is not had while the database takes nothing: a sentence says why', async () => {
      const outage = withOutages(await its.open())
      const { credentials } = await open(its, { database: outage.database })
      outage.begin()
      const claim = credentials.claim(A, 1, terms('one'))
      await expect(claim).rejects.toMatchObject({ code: 'unavailable' })
      await expect(claim).rejects.toThrow('The database cannot be reached')
    })
  })

  describe('a renewed credential', () => {
    it('takes the place of the old one, in memory and for good, and of nothing else', async () => {
      const { credentials, accounts, heard } = await open(its)
      const stored = await credentials.replace(A, 1, RENEWED)
      const expected = { ...OLD, ...RENEWED, credentialVersion: 2 }
      expect(stored).toEqual(expected)
      expect(accounts.all()).toEqual([expected])
      expect(heard.at(-1)).toEqual([expected])
      expect(await storedAccounts(its)).toEqual([expected])
    })

    it('comes too late where a newer one is stored: it is not used', async () => {
      const { credentials, accounts } = await open(its)
      await credentials.replace(A, 1, RENEWED)
      expect(
        await credentials.replace(A, 1, { ...RENEWED, secret: toSealedSecret('v1.late') }),
      ).toBeUndefined()
      expect(accounts.all()).toMatchObject([{ secret: RENEWED.secret, credentialVersion: 2 }])
      expect(await storedAccounts(its)).toMatchObject([{ secret: RENEWED.secret, credentialVersion: 2 }])
    })

    it('wins exactly once of many that come at once', async () => {
      const { credentials } = await open(its)
      const all = Array.from({ length: 20 }, (_, index) => ({
        ...RENEWED,
        secret: toSealedSecret(`v1.new-${index}`),
      }))
      const stored = await Promise.all(all.map((credential) => credentials.replace(A, 1, credential)))
      const won = stored.filter((each) => each !== undefined)
      expect(won).toHaveLength(1)
      expect(await storedAccounts(its)).toEqual(won)
    })

    it('ends the claim', async () => {
      const { credentials } = await open(its)
      await credentials.claim(A, 1, terms('one'))
      await credentials.replace(A, 1, RENEWED)
      expect(await credentials.claim(A, 2, terms('two'))).toEqual({ kind: 'claimed', isInDoubt: false })
    })

    it('of an account that is gone is nobody’s', async () => {
      const { credentials, accounts } = await open(its)
      await accounts.remove(A)
      expect(await credentials.replace(A, 1, RENEWED)).toBeUndefined()
    })

    it('leaves what the operator has changed meanwhile', async () => {
      const { credentials, accounts } = await open(its)
      const change = accounts.change(A, { priority: 9, pausedAt: NOON })
      const stored = await credentials.replace(A, 1, RENEWED)
      await change
      expect(stored).toMatchObject({ secret: RENEWED.secret })
      const both = { ...OLD, ...RENEWED, credentialVersion: 2, priority: 9, pausedAt: NOON }
      expect(accounts.all()).toEqual([both])
      expect(await storedAccounts(its)).toEqual([both])
    })
  })

  describe('what another process has stored', () => {
    it('is taken over when it is looked at again, and the operator’s part stays', async () => {
      const database = await its.open()
      const { credentials, accounts } = await open(its, { database })
      await accounts.change(A, { priority: 5 })
      const text = "update accounts set secret = 'v1.theirs', refresh_secret = null, credential_version = 7"
      await database.commit([statement(text)], 'full')
      const expected = {
        ...OLD,
        priority: 5,
        secret: toSealedSecret('v1.theirs'),
        refreshSecret: undefined,
        credentialVersion: 7,
      }
      expect(await credentials.reload(A)).toEqual(expected)
      expect(accounts.all()).toEqual([expected])
      expect(await credentials.reload(idOf('nobody'))).toBeUndefined()
    })
  })

  describe('while the database takes nothing', () => {
    it('a renewed credential waits in its file, is used, and is stored as soon as that goes', async () => {
      const outage = withOutages(await its.open())
      const { credentials, accounts, rescue, log } = await open(its, { database: outage.database })
      await credentials.claim(A, 1, terms('one'))
      outage.begin()
      const stored = await credentials.replace(A, 1, RENEWED)
      expect(stored).toMatchObject({ secret: RENEWED.secret, credentialVersion: 2 })
      expect(accounts.all()).toMatchObject([{ secret: RENEWED.secret, credentialVersion: 2 }])
      expect(rescue.all()).toEqual([{ id: A, version: 1, credential: RENEWED }])
      expect(log.lines).toEqual([
        'error A renewed credential waits in a file, because the database does not take it.',
      ])
      outage.end()
      await eventually(() => rescue.all().length === 0 || undefined, 'the credential to be brought in')
      credentials.close()
      expect(await storedAccounts(its)).toMatchObject([{ secret: RENEWED.secret, credentialVersion: 2 }])
    })

    it('it is not renewed again from the older one in the database', async () => {
      const outage = withOutages(await its.open())
      const { credentials } = await open(its, { database: outage.database })
      outage.begin()
      await credentials.replace(A, 1, RENEWED)
      outage.end()
      expect(await credentials.claim(A, 2, terms('one'))).toEqual({ kind: 'superseded' })
      expect(await credentials.reload(A)).toMatchObject({ secret: RENEWED.secret, credentialVersion: 2 })
      credentials.close()
    })

    it('it is found by the next start, and stored before anything else', async () => {
      const outage = withOutages(await its.open())
      const first = await open(its, { database: outage.database })
      await first.credentials.claim(A, 1, terms('one'))
      outage.begin()
      await first.credentials.replace(A, 1, RENEWED)
      first.credentials.close()
      const second = await open(its)
      expect(second.accounts.all()).toMatchObject([{ secret: RENEWED.secret, credentialVersion: 2 }])
      expect(second.rescue.all()).toEqual([])
      expect(second.log.lines).toEqual([
        'info A renewed credential was brought into the database from its file.',
      ])
      expect(await second.credentials.claim(A, 2, terms('two'))).toEqual({
        kind: 'claimed',
        isInDoubt: false,
      })
      expect(await storedAccounts(its)).toMatchObject([{ secret: RENEWED.secret, credentialVersion: 2 }])
    })

    it('one whose storing was only not heard of is not brought in over a newer one', async () => {
      const outage = withOutages(await its.open())
      const first = await open(its, { database: outage.database })
      outage.loseAnswer()
      expect(await first.credentials.replace(A, 1, RENEWED)).toMatchObject({ credentialVersion: 2 })
      const newer = { ...RENEWED, secret: toSealedSecret('v1.newer') }
      expect(await first.credentials.replace(A, 2, newer)).toMatchObject({ credentialVersion: 3 })
      first.credentials.close()
      const second = await open(its)
      expect(second.accounts.all()).toMatchObject([{ secret: newer.secret, credentialVersion: 3 }])
      expect(second.rescue.all()).toEqual([])
    })

    it('one of an account that is gone by then is dropped', async () => {
      const outage = withOutages(await its.open())
      const first = await open(its, { database: outage.database })
      outage.begin()
      await first.credentials.replace(A, 1, RENEWED)
      outage.end()
      await first.accounts.remove(A)
      first.credentials.close()
      const second = await open(its)
      expect([second.accounts.all(), second.rescue.all()]).toEqual([[], []])
    })

    it('one that comes while others are brought in is not lost with them', async () => {
      const database = await its.open()
      const first = await open(its, { database })
      await first.accounts.add(sampleAccount('b'))
      first.credentials.close()
      const rescue = openRescueFile(rescueFileOf(its))
      rescue.keep({ id: A, version: 1, credential: RENEWED })
      const other = { id: idOf('b'), version: 1, credential: { ...RENEWED, secret: toSealedSecret('v1.b') } }
      let isFirst = true
      const interrupted: Database = {
        ...database,
        async commit(statements, durability) {
          const changes = await database.commit(statements, durability)
          if (isFirst) rescue.keep(other)
          isFirst = false
          return changes
        },
      }
      const second = await open(its, { database: interrupted })
      expect(second.accounts.all().map(({ secret }) => secret)).toEqual([
        RENEWED.secret,
        other.credential.secret,
      ])
      expect(rescue.all()).toEqual([])
    })

    it('and the disk neither, it is an error and nothing is used', async () => {
      const outage = withOutages(await its.open())
      const full: RescueFile = { all: () => [], keep: () => false, clear: () => {} }
      const { credentials, accounts } = await open(its, { database: outage.database, rescue: full })
      outage.begin()
      await expect(credentials.replace(A, 1, RENEWED)).rejects.toMatchObject({ code: 'unavailable' })
      expect(accounts.all()).toEqual([OLD])
    })
  })
})

const OLD = sampleAccount('a', {
  refreshSecret: toSealedSecret('v1.refresh'),
  tokenExpiresAt: later(NOON, HOUR),
})
const RENEWED: Credential = {
  secret: toSealedSecret('v1.new'),
  refreshSecret: toSealedSecret('v1.new-refresh'),
  tokenExpiresAt: later(NOON, 9 * HOUR),
}

const rescueFileOf = (its: TestDatabase): string => join(its.directory, 'credentials.journal')

function terms(holder: string, change: Partial<ClaimTerms> = {}): ClaimTerms {
  const now: Millis = change.now ?? NOON
  return { holder, now, until: later(now, 45 * SECOND), ...change }
}

interface Parts {
  readonly database?: Database
  readonly rescue?: RescueFile
}

/** As a starting gateway opens them; where nobody is known yet, the account "a" is added. */
async function open(its: TestDatabase, parts: Parts = {}) {
  const database = parts.database ?? (await its.reopen())
  const heard: (readonly Account[])[] = []
  const log = memoryLog()
  const rescue = parts.rescue ?? openRescueFile(rescueFileOf(its))
  const accounts = await openAccounts(database, (all) => void heard.push(all))
  const isFirst = (await database.load('select value from meta')).length === 0
  if (isFirst) {
    await database.commit([statement("insert into meta (name, value) values ('test', 'begun')")], 'full')
    await accounts.add(OLD)
  }
  const credentials = await openCredentials({ database, accounts, rescue, log })
  return { credentials, accounts, rescue, log, heard }
}

/** As the next start finds them. */
const storedAccounts = async (its: TestDatabase): Promise<readonly Account[]> =>
  (await openAccounts(await its.reopen(), () => {})).all()
