/**
 * What happens to storage while the gateway serves: a disk that is really full, a database
 * that goes bad beneath it, a clock that jumps, an update that is killed. Traffic goes on,
 * health says what is wrong, and nothing that was booked is lost. Its start and its locks are
 * in storage.test.ts.
 */
import { Database as Sqlite } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '../../src/api/client.ts'
import { restoreDatabase } from '../../src/compose/restore.ts'
import { DAY, HOUR } from '../../src/core/time.ts'
import type { Database } from '../../src/storage/database.ts'
import { LATEST } from '../../src/storage/migrations.ts'
import { openSqlite } from '../../src/storage/sqlite.ts'
import { FIRST_ROWS } from '../support/first-rows.ts'
import { type GatewayProcess, spawnGateway, startGatewayProcess } from '../support/gateway-process.ts'
import { contentOf, makeOld, tablesOf, versionOf } from '../support/old-databases.ts'
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts'
import { eventually, keyOf, openWorld, type World } from '../support/world.ts'

/** The database is given this long before it counts as taking nothing, and then asked now and then. */
const PATIENCE_MS = 40_000

let directory: string
let world: World | undefined
let processes: GatewayProcess[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-serving-'))
})
afterEach(async () => {
  await world?.stop()
  for (const each of processes) await each.kill()
  world = undefined
  processes = []
  rmSync(directory, { recursive: true, force: true })
})

const open = async (options: Parameters<typeof openWorld>[0] = {}): Promise<World> => {
  world = await openWorld({ dataDirectory: directory, ...options })
  return world
}

const start = async (dataDirectory: string): Promise<GatewayProcess> => {
  const child = await startGatewayProcess({ dataDirectory })
  processes.push(child)
  return child
}

const healthOf = (api: Client, isWell: boolean) =>
  eventually(
    async () => {
      const health = await api.health()
      return (health.status === 'ok') === isWell ? health : undefined
    },
    isWell ? 'health to be well' : 'health to say what is wrong',
    PATIENCE_MS,
  )

describe('a disk that is full', () => {
  const disk: SmallDisk | undefined = mountSmallDisk(12)
  disk?.remove()
  const reason = 'nothing may be mounted here; storage.test.ts holds it with a limit on files'

  it.if(disk !== undefined)(
    `costs no traffic and no row, refuses what needs room with numbers, and is over when there is room (${disk === undefined ? reason : 'tmpfs'})`,
    async () => {
      const { simulator } = await open({ accounts: [] })
      const small = mountSmallDisk(12)
      if (small === undefined) throw new Error('A moment ago it could be mounted.')
      try {
        const child = await start(small.path)
        const { url: baseUrl } = simulator
        await child.api.addAccount({ body: { name: 'a', provider: 'console', apiKey: keyOf('a'), baseUrl } })
        await askOften(child.url, 20)
        small.fill()
        await askOften(child.url, 200)
        const ill = await healthOf(child.api, false)
        expect(ill.problems.join()).toMatch(/full|disk/)
        expect(ill.status).toBeOneOf(['degraded', 'unhealthy'])
        const refusal = await child.admin('/api/maintenance/backup', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{}',
        })
        expect(refusal.status).toBe(507)
        expect(await refusal.text()).toMatch(/needs about \d+ MB .* and 0 MB are free\. Nothing was done\./)
        small.empty()
        await askOften(child.url, 1)
        await healthOf(child.api, true)
        expect(ill.ledger.waiting).toBeGreaterThan(0)
        await child.kill()
        const again = await start(small.path)
        const { totals } = await again.api.stats({ query: {} })
        expect(totals.requests).toBe(221)
        expect(await again.api.checkDatabase()).toEqual({ findings: [] })
        await again.kill()
      } finally {
        small.remove()
      }
    },
  )
})

describe('a database that goes bad beneath the gateway', () => {
  it('costs no traffic; health tells; a restored backup serves again, and what was damaged is kept', async () => {
    const opened = await open()
    await askOften(opened.url, 40)
    await opened.rows(40)
    const { file } = await opened.api.backupDatabase({ body: {} })
    // Everything into the main file, where it can go bad.
    await opened.api.compactDatabase()
    await healthOf(opened.api, true)
    spoil(join(directory, 'spillway.db'))
    expect((await opened.api.checkDatabase()).findings.length).toBeGreaterThan(0)
    const ill = await healthOf(opened.api, false)
    expect(ill.problems.join()).toMatch(/is damaged .* restore a backup/)
    await askOften(opened.url, 10)
    const places = { dataDirectory: directory, configFile: join(directory, 'config.json') }
    await opened.stop()
    world = undefined
    const { kept } = await restoreDatabase(file, places, {})
    expect(existsSync(kept ?? '')).toBe(true)
    const again = await open({ accounts: [] })
    await healthOf(again.api, true)
    expect((await again.rows(40)).length).toBeGreaterThanOrEqual(40)
    const { url: baseUrl } = again.simulator
    await again.api.changeAccount({ params: { id: 'a' }, body: { baseUrl } })
    await askOften(again.url, 1, 'after')
    expect(await again.api.checkDatabase()).toEqual({ findings: [] })
  })

  /** Pages in the middle and at the end of the file. */
  function spoil(database: string): void {
    const { size } = statSync(database)
    const descriptor = openSync(database, 'r+')
    const rubbish = Buffer.alloc(4_096, 0xa5)
    for (let at = 4_096 * 12; at + 4_096 <= size; at += 4_096) writeSync(descriptor, rubbish, 0, 4_096, at)
    closeSync(descriptor)
  }
})

describe('row 100: a clock that jumps', () => {
  const realNow = Date.now
  afterEach(() => {
    Date.now = realNow
  })

  it.each([
    ['an hour ahead', HOUR, undefined],
    ['an hour back', -HOUR, /^The clock went back by/],
    ['ten years ahead', 3_650 * DAY, /^The clock says 203\d-.* later than when it was last believed/],
    ['ten years back', -3_650 * DAY, /^The clock went back by/],
  ])(
    '%s costs no traffic and no row, and health says what there is to say',
    async (_what, jump, sentence) => {
      const opened = await open()
      await askOften(opened.url, 5)
      Date.now = () => realNow() + jump
      await askOften(opened.url, 5, 'after')
      // Has it look at once what is past its retention.
      await opened.api.changeConfig({ body: { requestRetentionDays: 30 } })
      if (sentence !== undefined) {
        const told = await eventually(
          async () => (await opened.api.health()).problems.find((problem) => sentence.test(problem)),
          'health to tell of the clock',
          PATIENCE_MS,
        )
        expect(told).toBeDefined()
      }
      expect(await opened.rows(10)).toHaveLength(10)
      Date.now = realNow
      await askOften(opened.url, 5, 'again')
      await opened.restart()
      await askOften(opened.url, 1, 'restarted')
      expect(await opened.rows(16)).toHaveLength(16)
      expect((await opened.api.listAccounts()).accounts).toMatchObject([{ state: { kind: 'ready' } }])
    },
    60_000,
  )
})

describe('rows 93 and 95: a process that is killed while it brings its database up to date', () => {
  it('leaves a version with everything in it, which the next start brings up to date', async () => {
    const found = new Set<number>()
    for (let kill = 0; kill < 6; kill++) {
      const place = mkdtempSync(join(directory, 'killed-'))
      const file = join(place, 'spillway.db')
      const old = openSqlite(file)
      await makeOld(old, 1, FIRST_ROWS)
      // What a start makes and what it forgets of its own accord.
      const tables = new Map(
        [...(await tablesOf(old))].filter(([name]) => !['meta', 'bindings'].includes(name)),
      )
      const content = await contentOf(old, tables)
      await old.close()
      const child = spawnGateway({ dataDirectory: place })
      const end = performance.now() + PATIENCE_MS
      while (versionIn(file) < Math.min(LATEST, 1 + kill) && performance.now() < end) await Bun.sleep(0)
      child.kill('SIGKILL')
      await child.exited
      const left = openSqlite(file)
      found.add(await versionOf(left))
      expect(await contentOf(left, tables)).toEqual(content)
      await left.close()
      const again = await start(place)
      expect(await again.api.checkDatabase()).toEqual({ findings: [] })
      await again.kill()
      const updated: Database = openSqlite(file)
      expect(await versionOf(updated)).toBe(LATEST)
      expect((await contentOf(updated, tables)).requests).toEqual(content.requests)
      await updated.close()
      expect(existsSync(join(place, 'backups', `before-schema-${LATEST}.db`))).toBe(true)
    }
    expect(found.size).toBeGreaterThan(1)
  }, 120_000)
})

/** Streams and plain answers, each to its end. */
async function askOften(url: string, count: number, name = 'c'): Promise<void> {
  for (let done = 0; done < count; done++) {
    const answer = await fetch(`${url}/v1/messages`, {
      method: 'POST',
      body: JSON.stringify({
        model: 'claude-sonnet-5-5',
        stream: done % 2 === 0,
        system: `${name}${done}`,
        messages: [],
      }),
    })
    expect(answer.status).toBe(200)
    expect(await answer.text()).toMatch(/message_stop|"type":"message"/)
  }
}

/** As another program sees it while it is made. */
function versionIn(file: string): number {
  const reader = new Sqlite(file, { readonly: true })
  try {
    return reader.query<{ version: number }, []>('select version from schema_version').get()?.version ?? 0
  } finally {
    reader.close()
  }
}
