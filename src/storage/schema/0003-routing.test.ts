/** Step 3 over what a gateway of schema 2 left: its accounts' model maps, which may have more in them from then on. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../../test/support/databases.ts'
import { FIRST_ACCOUNT, FIRST_ROWS } from '../../../test/support/first-rows.ts'
import { makeOld, openStores } from '../../../test/support/old-databases.ts'
import { idOf } from '../../../test/support/samples.ts'
import { statement } from '../database.ts'

describe.each(await databases())('a database of schema 2 on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('keeps its accounts’ model maps, each with one name, and lets them have more', async () => {
    const old = await its.openAsIs()
    await makeOld(old, 2, [...FIRST_ROWS, statement('update accounts set plan_only = 1')])
    const map = '[["claude-sonnet-5-5","glm-5.3"],["a=b","it\'s"],["*","glm-4.7"]]'
    await old.commit([statement('update accounts set model_map_json = $1', map)], 'full')
    const before = {
      ...FIRST_ACCOUNT,
      planOnly: true,
      modelMap: new Map([
        ['claude-sonnet-5-5', ['glm-5.3']],
        ['a=b', ["it's"]],
        ['*', ['glm-4.7']],
      ]),
    }
    const database = await its.reopen()
    const storage = await openStores(database, its.directory)
    expect(storage.accounts.all()).toEqual([before])
    const change = { modelMap: new Map([['opus', ['a', 'b']]]), models: ['a', 'b'], maxConcurrent: 10_000 }
    await storage.accounts.change(idOf('a'), change)
    await storage.close()
    const again = await openStores(await its.reopen(), its.directory)
    expect(again.accounts.all()).toEqual([{ ...before, ...change }])
    await again.close()
  })
})
