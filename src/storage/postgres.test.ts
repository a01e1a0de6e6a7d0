/**
 * What is particular to PostgreSQL: one gateway a database, a server that goes away and comes
 * back, kinds of errors, and a password that is never shown.
 */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { openLedger, rowsIn, sumsOf } from '../../test/support/ledgers.ts'
import { type PostgresServer, postgres } from '../../test/support/postgres.ts'
import { memoryLog, sampleAccount, sampleRow } from '../../test/support/samples.ts'
import { eventually } from '../../test/support/world.ts'
import { openAccounts } from './accounts.ts'
import { statement } from './database.ts'
import { openPostgres } from './postgres.ts'
import { readTotals } from './totals.ts'

const kinds = await databases()

describe.each(kinds.filter(([name]) => name === 'PostgreSQL'))('on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  describe('one database', () => {
    it('is for one gateway: a second one is refused with a sentence, and the first goes on', async () => {
      const first = await its.open()
      const second = openPostgres(its.place)
      await expect(second).rejects.toMatchObject({ code: 'unavailable' })
      await expect(second).rejects.toThrow(
        `The database ${first.place} is in use by another Spillway. Stop that one first, or give this one its own.`,
      )
      expect(await first.load('select 1 as one')).toHaveLength(1)
    })

    it('keeps no connection of a gateway that was refused', async () => {
      await its.open()
      const server = await runningServer()
      const before = await server.connections(its.place)
      await expect(openPostgres(its.place)).rejects.toThrow('in use')
      await eventually(
        async () => (await server.connections(its.place)) <= before,
        'the refused gateway’s connections to end',
      )
    })

    it('is free for the next gateway as soon as the first has closed it', async () => {
      for (let turn = 0; turn < 10; turn++) await (await its.openAsIs()).close()
    })

    it('is not free while the gateway works, however many statements it runs', async () => {
      const database = await its.open()
      await Promise.all(Array.from({ length: 40 }, () => database.read('select pg_sleep(0.01)')))
      await expect(openPostgres(its.place)).rejects.toThrow('in use by another Spillway')
    })
  })

  describe('a server that cannot be used', () => {
    it.each([
      ['because nothing listens there', 'postgres://spillway:CANARY-password@127.0.0.1:1/spillway'],
      ['because its name is not known', 'postgres://spillway:CANARY-password@nowhere.invalid/spillway'],
    ])('is told in a sentence without the password, %s', async (_why, url) => {
      const refusal = await openPostgres(url).catch(String)
      expect(String(refusal)).toContain('cannot be used')
      expect(String(refusal)).toContain('Check SPILLWAY_DATABASE_URL.')
      expect(String(refusal)).toContain('/spillway')
      expect(String(refusal)).not.toContain('CANARY')
    })

    it('is told in a sentence without the password, because it refuses the user', async () => {
      const wrong = its.place.replace('CANARY-postgres', 'CANARY-wrong')
      const refusal = String(await openPostgres(wrong).catch(String))
      expect(refusal).toContain('cannot be used')
      expect(refusal).not.toContain('CANARY')
    })

    it.each([
      'postgres://me:CANARY@CANARY@127.0.0.1:1/db',
      'postgres://me:CANARY/CANARY@127.0.0.1:1/db',
      'postgres://me:CANARY#CANARY@127.0.0.1:1/db',
      'postgres://me:CANARY?CANARY@127.0.0.1:1/db',
      'postgres://me:CANARY%40CANARY@127.0.0.1:1/db',
      'postgres://127.0.0.1:1/db?user=me&password=CANARY',
    ])('is told in a sentence without the password even in %s', async (url) => {
      const refusal = String(await openPostgres(url).catch(String))
      expect(refusal).toContain('cannot be used')
      expect(refusal).toContain('SPILLWAY_DATABASE_URL')
      expect(refusal).not.toContain('CANARY')
    })

    it('shows no password in the place of one that can', async () => {
      const { place } = await its.open()
      expect(place).not.toContain('CANARY')
      expect(place).toMatch(/^postgres:\/\/127\.0\.0\.1:\d+\/test_\d+$/)
    })
  })

  describe('a server that goes away', () => {
    it('lets rows wait, refuses an operator’s change in words, and takes everything when it is back', async () => {
      const server = await runningServer()
      const database = await its.open()
      const ledger = openLedger(database, its.directory, { log: memoryLog() })
      const accounts = await openAccounts(database, () => {})
      ledger.append(sampleRow(1))
      await ledger.settled()

      await server.shutOut(its.place)
      ledger.append(sampleRow(2))
      await ledger.settled()
      expect(ledger.status()).toMatchObject({ waiting: 1, lost: 0 })
      expect(ledger.status().problem).toContain('The database does not take rows')
      await expect(accounts.add(sampleAccount('a'))).rejects.toMatchObject({ code: 'unavailable' })
      expect(accounts.all()).toEqual([])

      await server.admit(its.place)
      ledger.append(sampleRow(3))
      await eventually(async () => {
        await ledger.settled()
        return ledger.status().waiting === 0
      }, 'the rows to come in')
      await accounts.add(sampleAccount('a'))
      const rows = await rowsIn(database)
      expect(rows).toHaveLength(3)
      expect(await readTotals(database)).toEqual(sumsOf(rows))
      await ledger.close()
    })

    it('is still this gateway’s alone when it is back', async () => {
      const server = await runningServer()
      const database = await its.open()
      await server.shutOut(its.place)
      await server.admit(its.place)
      const isSecondRefused = async () => {
        await database.read('select 1').catch(() => {})
        const second = await openPostgres(its.place).catch(String)
        if (typeof second === 'string') return second.includes('in use by another Spillway')
        await second.close()
        return false
      }
      await eventually(isSecondRefused, 'a second gateway to be refused again')
    })

    it('takes nothing from a gateway whose place another one has taken meanwhile, until that one ends', async () => {
      const server = await runningServer()
      const first = await its.open()
      await server.shutOut(its.place)
      await server.admit(its.place)
      const second = await openPostgres(its.place)
      const insert = statement("insert into meta (name, value) values ('a', '1')")
      await expect(first.commit([insert], 'full')).rejects.toMatchObject({ problem: 'taken' })
      expect(await second.load('select * from meta')).toEqual([])
      await second.close()
      expect(await first.commit([insert], 'full')).toEqual([1])
    })

    it('and comes back for reading only lets rows wait until it takes them again', async () => {
      const server = await runningServer()
      const ledger = openLedger(await its.open(), its.directory)
      ledger.append(sampleRow(1))
      await ledger.settled()

      await server.makeReadOnly(its.place)
      ledger.append(sampleRow(2))
      await ledger.settled()
      expect(ledger.status()).toMatchObject({ waiting: 1, lost: 0 })
      expect(ledger.status().problem).toContain('read-only')

      await server.makeWritable(its.place)
      await eventually(async () => {
        await ledger.settled()
        return ledger.status().waiting === 0
      }, 'the row to come in')
      expect(ledger.status().lost).toBe(0)
      await ledger.close()
      expect(await rowsIn(await its.reopen())).toHaveLength(2)
    })
  })

  describe('an error', () => {
    it.each([
      ['a name that is taken', "insert into meta (name, value) values ('a', '2')", 'conflict'],
      ['a value that must be there', "insert into meta (name, value) values ('b', null)", 'conflict'],
      [
        'a lock that was not to be had',
        "do $$ begin raise exception using errcode = '55P03'; end $$",
        'busy',
      ],
      ['a deadlock', "do $$ begin raise exception using errcode = '40P01'; end $$", 'busy'],
      ['a text that is none', "do $$ begin raise exception using errcode = '22021'; end $$", 'unfit'],
      ['more than fits', "do $$ begin raise exception using errcode = '54000'; end $$", 'unfit'],
      ['a full disk', "do $$ begin raise exception using errcode = '53100'; end $$", 'full'],
      ['too many connections', "do $$ begin raise exception using errcode = '53300'; end $$", 'unreachable'],
      [
        'a server that shuts down',
        "do $$ begin raise exception using errcode = '57P01'; end $$",
        'unreachable',
      ],
      ['a lost connection', "do $$ begin raise exception using errcode = '08006'; end $$", 'unreachable'],
      ['a statement that is wrong', 'insert into nowhere values (1)', 'other'],
    ])('is known for what it is: %s', async (_what, text, problem) => {
      const database = await its.open()
      await database.commit([statement("insert into meta (name, value) values ('a', '1')")], 'full')
      const both = database.commit(
        [statement("insert into meta (name, value) values ('first', '1')"), statement(text)],
        'full',
      )
      await expect(both).rejects.toMatchObject({ name: 'DatabaseError', problem })
      const rows = await database.load('select name from meta')
      expect(rows.map(({ name }) => name)).toEqual(['a'])
    })

    it('leaves the connection fit for the next statement', async () => {
      const database = await its.open()
      for (let turn = 0; turn < 20; turn++) {
        await expect(database.commit([statement('insert into nowhere values (1)')], 'full')).rejects.toThrow()
      }
      const insert = statement("insert into meta (name, value) values ('a', '1')")
      expect(await database.commit([insert, statement('delete from meta')], 'full')).toEqual([1, 1])
    })
  })
})

async function runningServer(): Promise<PostgresServer> {
  const found = await postgres()
  if (found.kind === 'unavailable') throw new Error(found.reason)
  return found.server
}
