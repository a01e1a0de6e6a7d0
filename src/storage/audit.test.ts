/** The audit log: kept, found again by who and what and when, bounded without being open to flooding. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { NOON } from '../../test/support/samples.ts'
import type { AuditRecord } from '../core/ports/people.ts'
import { later, MINUTE } from '../core/time.ts'
import { createAuditLog } from './audit.ts'

const idAt = (n: number): string => `01a00000-0000-7000-8000-${String(n).padStart(12, '0')}`

const entry = (n: number, fields: Partial<AuditRecord> = {}): AuditRecord => ({
  id: idAt(n),
  at: later(NOON, n * MINUTE),
  who: 'admin token',
  role: 'owner',
  peer: '127.0.0.1',
  action: 'changeAccount',
  target: 'a',
  from: { priority: 1 },
  to: { priority: 2, groups: ['x'] },
  ...fields,
})

describe.each(await databases())('the audit log on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('gives back what was written, newest first, also after a restart', async () => {
    const entries = [
      entry(1),
      entry(2, { role: undefined, target: undefined, from: undefined, to: undefined }),
    ]
    const log = createAuditLog(await its.open())
    for (const each of entries) await log.add(each)
    expect(await log.list({ limit: 10 })).toEqual(entries.toReversed())
    const again = createAuditLog(await its.reopen())
    expect(await again.list({ limit: 10 })).toEqual(entries.toReversed())
  })

  it('is read page by page, and by who, what and since when', async () => {
    const log = createAuditLog(await its.open())
    await log.add(entry(1))
    await log.add(entry(2, { who: 'ann' }))
    await log.add(entry(3, { action: 'createKey' }))
    await log.add(entry(4, { who: 'ann', action: 'createKey' }))
    const found = async (filter: Partial<Parameters<typeof log.list>[0]>) =>
      (await log.list({ limit: 10, ...filter })).map(({ id }) => Number(id.slice(-2)))
    expect(await found({ limit: 2 })).toEqual([4, 3])
    expect(await found({ limit: 2, before: idAt(3) })).toEqual([2, 1])
    expect(await found({ who: 'ann' })).toEqual([4, 2])
    expect(await found({ action: 'createKey' })).toEqual([4, 3])
    expect(await found({ since: later(NOON, 2 * MINUTE) })).toEqual([4, 3, 2])
    expect(
      await found({ who: 'ann', action: 'createKey', since: later(NOON, MINUTE), before: idAt(5) }),
    ).toEqual([4])
    expect(await found({ who: "' or 1=1 --" })).toEqual([])
  })

  it('keeps the newest changes, however many sign-ins fail, and the newest of those', async () => {
    const database = await its.open()
    const bounds = { changes: 3, failures: 2 }
    const log = createAuditLog(database, bounds)
    for (let n = 1; n <= 5; n++) await log.add(entry(n))
    for (let n = 6; n <= 30; n++) await log.add(entry(n, { action: 'signInFailed' }))
    // The first entry of a run looks after what the run before has left.
    const next = createAuditLog(database, bounds)
    await next.add(entry(31))
    expect((await next.list({ limit: 100 })).map(({ id }) => Number(id.slice(-2)))).toEqual([
      31, 30, 29, 5, 4,
    ])
  })

  it('says of what is too long that it was', async () => {
    const log = createAuditLog(await its.open())
    await log.add(entry(1, { to: 'x'.repeat(20_000) }))
    expect((await log.list({ limit: 1 }))[0]?.to).toBe('(too long to keep: 20002 characters)')
  })
})
