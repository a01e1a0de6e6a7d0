/** Step 7 over what a gateway of schema 3 left: the rules that are there from the beginning come with it, once. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../../test/support/databases.ts'
import { FIRST_ROWS } from '../../../test/support/first-rows.ts'
import { makeOld, openStores } from '../../../test/support/old-databases.ts'

describe.each(await databases())('a database of schema 3 on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('gets its first rules of alerts, and no rule back that was removed', async () => {
    await makeOld(await its.openAsIs(), 3, FIRST_ROWS)
    const storage = await openStores(await its.reopen(), its.directory)
    const rules = storage.alerts.rules()
    expect(rules).toHaveLength(3)
    await storage.alerts.removeRule(rules[0]?.id ?? '')
    await storage.close()
    const again = await openStores(await its.reopen(), its.directory)
    expect(again.alerts.rules().map(({ name }) => name)).toEqual(rules.slice(1).map(({ name }) => name))
    expect([again.alerts.open(), again.alerts.waiting(), again.alerts.channels()]).toEqual([[], [], []])
    await again.close()
  })
})
