/**
 * What a crash leaves in the journal comes in at the next start: exactly what is missing, once.
 * And what cannot be stored is given up alone, wherever it turns up (G6, `faults.md` 93).
 */
import { describe, expect, it } from 'bun:test'
import { appendFileSync, readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { databases } from '../../test/support/databases.ts'
import { idsOf, journalFileIn, openLedger, rowsIn, sumsOf, withOutages } from '../../test/support/ledgers.ts'
import { memoryLog, rowIdOf, sampleRow } from '../../test/support/samples.ts'
import type { LedgerRow } from '../core/ledger.ts'
import type { Database } from './database.ts'
import { insertOf, valuesOf } from './ledger-rows.ts'
import { readTotals } from './totals.ts'

describe.each(await databases())('recovery from the journal, on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  /** A process that had written some of its rows when it was killed. */
  async function crash(written: readonly LedgerRow[], unwritten: readonly LedgerRow[]): Promise<void> {
    const outage = withOutages(await its.open())
    const ledger = openLedger(outage.database, its.directory)
    for (const row of written) ledger.append(row)
    await ledger.settled()
    outage.begin()
    for (const row of unwritten) ledger.append(row)
    await ledger.settled()
  }

  const rows = (from: number, to: number): readonly LedgerRow[] =>
    Array.from({ length: to - from + 1 }, (_, index) => sampleRow(from + index, { ttftMs: index }))

  it('brings in exactly the missing rows, once, and totals that fit', async () => {
    await crash(rows(1, 3), rows(4, 5))
    const database = await its.reopen()
    const ledger = openLedger(database, its.directory)
    expect(await ledger.recover()).toBe(2)
    expect(await rowsIn(database)).toEqual([...rows(1, 3), ...rows(4, 5)])
    expect(await readTotals(database)).toEqual(sumsOf(await rowsIn(database)))
    expect(await ledger.recover()).toBe(0)
    expect(await rowsIn(database)).toHaveLength(5)
    expect(statSync(journalFileIn(its.directory)).size).toBe(0)
    await ledger.close()
  })

  it('brings in more rows than go into one commit', async () => {
    await crash(rows(1, 20), rows(21, 1_300))
    const database = await its.reopen()
    const ledger = openLedger(database, its.directory)
    expect(await ledger.recover()).toBe(1_280)
    expect(await rowsIn(database)).toHaveLength(1_300)
    await ledger.close()
  })

  it('takes nothing from an empty journal', async () => {
    const ledger = openLedger(await its.open(), its.directory)
    expect(await ledger.recover()).toBe(0)
    await ledger.close()
  })

  it('leaves out a last line that was torn, and what is no row at all', async () => {
    await crash([], rows(1, 2))
    const file = journalFileIn(its.directory)
    const [whole = ''] = readFileSync(file, 'utf8').split('\n')
    appendFileSync(file, `not json\n[1,2]\n{}\nnull\n\n${whole.slice(0, 40)}`)
    const database = await its.reopen()
    const ledger = openLedger(database, its.directory)
    expect(await ledger.recover()).toBe(2)
    expect(idsOf(await rowsIn(database))).toEqual([rowIdOf(1), rowIdOf(2)])
    await ledger.close()
  })

  it('brings in what the first version wrote, with nothing in the columns that are new since', async () => {
    const database = await its.open()
    const line = JSON.stringify(valuesOf(sampleRow(1)).slice(0, 30))
    appendFileSync(journalFileIn(its.directory), `${line}\n`)
    const ledger = openLedger(database, its.directory)
    expect(await ledger.recover()).toBe(1)
    expect(await rowsIn(database)).toEqual([sampleRow(1)])
    expect(insertOf(valuesOf(sampleRow(2)).slice(0, 29)).values).toHaveLength(valuesOf(sampleRow(2)).length)
    await ledger.close()
  })

  it('keeps the journal when the database goes away in between, for the next start', async () => {
    await crash([], rows(1, 700))
    const outage = withOutages(await its.reopen())
    const ledger = openLedger(outage.database, its.directory)
    outage.beginAfter(2)
    await expect(ledger.recover()).rejects.toThrow('The cable is cut.')
    const database = await its.reopen()
    const next = openLedger(database, its.directory)
    await next.recover()
    expect(await rowsIn(database)).toHaveLength(700)
    expect(await readTotals(database)).toEqual(sumsOf(await rowsIn(database)))
    await next.close()
  })

  it('has every row that a killed process said was safe, exactly once', async () => {
    await (await its.open()).close()
    const safe = await appendUntilKilled(its.place, its.directory, 400)
    const database = await its.reopen()
    const ledger = openLedger(database, its.directory)
    await ledger.recover()
    const found = await rowsIn(database)
    expect(idsOf(found).slice(0, safe)).toEqual(
      Array.from({ length: safe }, (_, index) => rowIdOf(index + 1)),
    )
    expect(found.length - safe).toBeLessThanOrEqual(1)
    expect(await readTotals(database)).toEqual(sumsOf(found))
    await ledger.close()
  })
})

describe.each(await databases())('a row that cannot be stored, on %s', (_kind, useDatabase) => {
  const its = useDatabase()
  const poisoned = sampleRow(2, { durationMs: Number.NaN })

  async function expectOthers(database: Database): Promise<void> {
    const found = await rowsIn(database)
    expect(idsOf(found)).toEqual([rowIdOf(1), rowIdOf(3)])
    expect(await readTotals(database)).toEqual(sumsOf(found))
  }

  it('is given up alone, named in the log and counted as lost', async () => {
    const database = await its.open()
    const log = memoryLog()
    const ledger = openLedger(database, its.directory, { log })
    for (const row of [sampleRow(1), poisoned, sampleRow(3)]) ledger.append(row)
    await ledger.settled()
    await expectOthers(database)
    expect(ledger.status()).toEqual({ waiting: 0, lost: 1, problem: undefined })
    expect(log.lines).toEqual(['error A ledger row could not be stored and is given up.'])
    await ledger.close()
  })

  it('takes no other row with it when the database goes away while the batch is being sorted out', async () => {
    const outage = withOutages(await its.open())
    const ledger = openLedger(outage.database, its.directory)
    for (const row of [sampleRow(1), poisoned, sampleRow(3)]) ledger.append(row)
    outage.beginAfter(1)
    await ledger.settled()
    outage.end()
    await ledger.settled()
    await expectOthers(outage.database)
    await ledger.close()
  })

  it('takes no other row with it when the database goes away after that', async () => {
    const outage = withOutages(await its.open())
    const ledger = openLedger(outage.database, its.directory)
    for (const row of [sampleRow(1), poisoned, sampleRow(3)]) ledger.append(row)
    outage.beginAfter(2)
    await ledger.settled()
    outage.end()
    await ledger.settled()
    await expectOthers(outage.database)
    await ledger.close()
  })

  it('does not keep the next start from bringing the others in', async () => {
    const outage = withOutages(await its.open())
    const ledger = openLedger(outage.database, its.directory)
    outage.begin()
    for (const row of [sampleRow(1), poisoned, sampleRow(3)]) ledger.append(row)
    await ledger.settled()
    const database = await its.reopen()
    const next = openLedger(database, its.directory)
    await next.recover()
    await expectOthers(database)
    await next.close()
  })

  it('is not lost for a character that one database cannot hold', async () => {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    ledger.append(sampleRow(1, { session: 'a\u0000b', agent: '\ud800', model: 'm\u0000' }))
    await ledger.settled()
    expect(ledger.status().lost).toBe(0)
    expect(idsOf(await rowsIn(database))).toEqual([rowIdOf(1)])
    await ledger.close()
  })
})

/** Runs a process that appends rows and kills it without warning after some; how many it said were safe. */
async function appendUntilKilled(place: string, directory: string, atLeast: number): Promise<number> {
  const script = fileURLToPath(new URL('../../test/support/append-until-killed.ts', import.meta.url))
  const child = Bun.spawn([process.execPath, script, place, directory], { stdout: 'pipe', stderr: 'inherit' })
  let said = ''
  for await (const bytes of child.stdout.pipeThrough(new TextDecoderStream())) {
    said += bytes
    if (said.split('\n').length > atLeast) child.kill('SIGKILL')
  }
  await child.exited
  return said.split('\n').length - 1
}
