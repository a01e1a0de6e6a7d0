/**
 * Faults 88–95 of `faults.md` §6, as an operator meets them: a gateway under traffic, or one
 * that is to start. The stores by themselves are tested in src/storage; PostgreSQL’s
 * outages (96) in src/storage/postgres.test.ts.
 */
import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '../../src/api/client.ts'
import { type RunningGateway, startGateway } from '../../src/compose/serve.ts'
import { messageOf, STATUS_OF, toGatewayError } from '../../src/core/error.ts'
import { openAccounts } from '../../src/storage/accounts.ts'
import { type Durability, type Database as Store, statement } from '../../src/storage/database.ts'
import { migrate } from '../../src/storage/migrations.ts'
import { openSqlite } from '../../src/storage/sqlite.ts'
import { openStorage } from '../../src/storage/storage.ts'
import { canLimitFileSize, limitFileSize } from '../support/file-size-limit.ts'
import { only } from '../support/first.ts'
import { type GatewayProcess, ROOT, spawnGateway, startGatewayProcess } from '../support/gateway-process.ts'
import { manualClock, memoryLog, sampleAccount, sampleKey, sampleRow } from '../support/samples.ts'
import { eventually, keyOf, openWorld, type World } from '../support/world.ts'

/** The database is given this long before it counts as taking nothing, and then asked now and then. */
const PATIENCE_MS = 30_000

let directory: string
let worlds: World[] = []
let processes: GatewayProcess[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-storage-'))
})
afterEach(async () => {
  for (const world of worlds) await world.stop()
  for (const each of processes) await each.kill()
  worlds = []
  processes = []
  chmodSync(directory, 0o700)
  rmSync(directory, { recursive: true, force: true })
})

const open = async (options: Parameters<typeof openWorld>[0] = {}): Promise<World> => {
  const world = await openWorld({ dataDirectory: directory, ...options })
  worlds.push(world)
  return world
}

const start = async (): Promise<GatewayProcess> => {
  const child = await startGatewayProcess({ dataDirectory: directory })
  processes.push(child)
  return child
}

const databaseFile = (): string => join(directory, 'spillway.db')

/** Everything into the one file, after a change if there is one: in a copy, which no earlier gateway of this process has open. */
function consolidate(change = 'select 1'): void {
  const copy = join(mkdtempSync(join(directory, 'copy-')), 'spillway.db')
  for (const tail of ['', '-wal']) {
    const file = `${databaseFile()}${tail}`
    if (existsSync(file)) cpSync(file, `${copy}${tail}`)
  }
  const other = new Database(copy)
  other.run(change)
  other.run('pragma wal_checkpoint(truncate)')
  other.close(true)
  for (const tail of ['', '-wal', '-shm']) rmSync(`${databaseFile()}${tail}`, { force: true })
  cpSync(copy, databaseFile())
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

/** As gateways start, in this process; the sentence it was refused with, or the running gateway. */
const tryStart = async (dataDirectory = directory): Promise<RunningGateway | string> => {
  const output = { write: () => {}, flush: () => {}, dropped: 0 }
  const places = { dataDirectory, configFile: join(dataDirectory, 'config.json') }
  try {
    return await startGateway({ places, flags: { port: 0 }, environment: {}, output })
  } catch (error) {
    expect(toGatewayError(error).code).not.toBe('internal')
    return messageOf(error)
  }
}

const refusalOf = async (dataDirectory = directory): Promise<string> => {
  const result = await tryStart(dataDirectory)
  if (typeof result === 'string') return result
  await result.stop(0)
  throw new Error('It started.')
}

describe('row 88: a database that another program holds', () => {
  const hold = (): Database => {
    const other = new Database(databaseFile())
    other.run('begin exclusive')
    return other
  }

  it('keeps an operator’s change waiting for a moment, and then takes it', async () => {
    const { api } = await open()
    const other = hold()
    const change = api.pauseAccount({ params: { id: 'a' } })
    await Bun.sleep(300)
    other.close()
    expect((await change).state.kind).toBe('paused')
  })

  it('refuses it with 503 after some seconds, does nothing of it, and no traffic waits', async () => {
    const world = await open()
    const { secret } = await world.api.createKey({ body: { name: 'k' } })
    const other = hold()
    const json = { 'content-type': 'application/json' }
    const changes = [
      world.admin('/api/accounts/a/pause', { method: 'POST' }),
      world.admin('/api/accounts/a', { method: 'DELETE' }),
      world.admin('/api/accounts/a', { method: 'PATCH', headers: json, body: '{"priority":7}' }),
      world.admin('/api/keys/k', { method: 'DELETE' }),
      world.admin('/api/config', { method: 'PATCH', headers: json, body: '{"strategy":"session"}' }),
    ]
    for (let count = 0; count < 20; count++) {
      expect((await world.ask({ system: `c${count}` }, { 'x-api-key': secret })).status).toBe(200)
    }
    for (const answer of await Promise.all(changes)) {
      expect(answer.status).toBe(503)
      expect(await answer.json()).toMatchObject({
        error: { code: 'unavailable', message: expect.stringContaining('was not saved') },
      })
    }
    expect((await world.ask({}, { 'x-api-key': secret })).status).toBe(200)
    other.close()
    await healthOf(world.api, true)
    const untouched = { name: 'a', priority: 0, state: { kind: 'ready' } }
    for (const restart of [false, true]) {
      if (restart) await world.restart()
      expect((await world.api.listAccounts()).accounts).toMatchObject([untouched])
      expect((await world.api.listKeys()).keys).toMatchObject([{ state: 'active' }])
      expect(await world.api.showStrategy()).toEqual({ strategy: 'affinity' })
    }
    expect(await world.rows(21)).toHaveLength(21)
  })
})

describe('rows 89 and 90: a disk that takes nothing more', () => {
  it.if(canLimitFileSize)(
    'costs no traffic and no row; changes are refused and not done; health says so until it is over',
    async () => {
      const world = await openWorld({ accounts: [] })
      worlds.push(world)
      const child = await start()
      const { url: baseUrl } = world.simulator
      await child.api.addAccount({ body: { name: 'a', provider: 'console', apiKey: keyOf('a'), baseUrl } })
      const ask = (system: string) =>
        fetch(`${child.url}/v1/messages`, {
          method: 'POST',
          body: JSON.stringify({ model: 'claude-sonnet-5-5', stream: true, system, messages: [] }),
        })
      const askOften = async (count: number): Promise<void> => {
        for (let done = 0; done < count; done++) {
          const answer = await ask(`c${done}`)
          expect(answer.status).toBe(200)
          expect(await answer.text()).toContain('message_stop')
        }
      }
      await askOften(5)
      await eventually(async () => (await child.api.health()).ledger.waiting === 0 || undefined, 'all rows')
      limitFileSize(child.pid, 0)
      await askOften(30)
      const ill = await healthOf(child.api, false)
      expect(ill).toMatchObject({ status: 'degraded', ledger: { waiting: 30, lost: 0 } })
      expect(ill.problems.join()).toMatch(/\w+ .*\w+/)
      const change = await child.admin('/api/keys', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"name":"k"}',
      })
      expect(change.status).toBeOneOf([503, 507])
      expect((await child.api.listKeys()).keys).toEqual([])
      await askOften(5)
      limitFileSize(child.pid, undefined)
      await askOften(1)
      await healthOf(child.api, true)
      expect((await child.api.createKey({ body: { name: 'k' } })).name).toBe('k')
      expect(await child.api.checkDatabase()).toEqual({ findings: [] })
      await child.kill()
      const again = await start()
      expect((await again.api.listAccounts()).accounts).toMatchObject([{ totals: { requests: 41 } }])
      expect((await again.api.listRequests({ query: { limit: 100 } })).requests).toHaveLength(41)
      expect((await again.api.listKeys()).keys).toHaveLength(1)
    },
  )

  it('is told to the operator as that: 507', async () => {
    const database = openSqlite(databaseFile())
    await migrate(database)
    await database.commit([statement('pragma max_page_count = 1')], 'full')
    const accounts = await openAccounts(database, () => {})
    const groups = ['x'.repeat(100_000)]
    const refusal = await accounts.add(sampleAccount('a', { groups })).catch(toGatewayError)
    await database.close()
    expect(refusal).toMatchObject({ code: 'storage-full', message: expect.stringContaining('disk is full') })
    expect(STATUS_OF['storage-full']).toBe(507)
    expect(accounts.all()).toEqual([])
  })
})

describe('row 89: a disk that is full at the start', () => {
  /** How much each file may hold, in the shell's blocks; from nothing at all to almost enough. */
  const BLOCKS = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96]

  it.if(canLimitFileSize)('is refused with a sentence, wherever it ends, and spoils nothing', async () => {
    let refused = 0
    for (const blocks of BLOCKS) {
      const place = join(directory, String(blocks))
      const { code, said } = await runLimited(place, blocks)
      if (code !== undefined) {
        refused++
        expect({ blocks, code, said }).toEqual({
          blocks,
          code: 1,
          said: expect.stringMatching(/cannot be|full|not be/),
        })
        expect(said).not.toMatch(/\n\s+at /)
      }
      const running = await tryStart(place)
      expect(typeof running === 'string' ? { blocks, running } : 'it runs').toBe('it runs')
      if (typeof running !== 'string') await running.stop(0)
    }
    expect(refused).toBeGreaterThan(5)
  })

  /** Starts it under the limit; its exit code and what it said, or that it came up. */
  async function runLimited(place: string, blocks: number) {
    const child = Bun.spawn(
      [
        ...['sh', '-c', 'ulimit -f "$0"; exec "$@"', String(blocks)],
        ...[process.execPath, join(ROOT, 'src', 'main.ts'), 'serve', '--port', '0', '--data-dir', place],
      ],
      { env: { PATH: process.env.PATH ?? '', HOME: directory }, stdio: ['ignore', 'ignore', 'pipe'] },
    )
    const isUp = eventually(() => existsSync(join(place, 'server.json')) || undefined, 'the start').catch(
      () => false,
    )
    const code = await Promise.race([child.exited, isUp.then(() => undefined)])
    child.kill('SIGKILL')
    await child.exited
    return { code, said: await child.stderr.text() }
  }
})

describe('row 91: a data directory that cannot be written', () => {
  it('is refused with a sentence that names it, and nothing is changed in it', async () => {
    const world = await open()
    await world.stop()
    worlds = []
    const before = readFileSync(databaseFile())
    const sentence = await asSomebodyElse(() => refusalOf())
    expect(sentence).toContain(`The data directory ${directory} cannot be`)
    expect(readFileSync(databaseFile()).equals(before)).toBe(true)
  })

  it('is refused with a sentence when it is no directory', async () => {
    const file = join(directory, 'file')
    writeFileSync(file, 'mine')
    for (const place of [file, join(file, 'below')]) {
      const sentence = await refusalOf(place)
      expect(sentence).toContain(place)
      expect(sentence).toContain('--data-dir')
    }
    expect(readFileSync(file, 'utf8')).toBe('mine')
  })

  /** Root may write everything, and is somebody else for as long as this lasts. */
  async function asSomebodyElse<T>(work: () => Promise<T>): Promise<T> {
    const { geteuid, seteuid } = process
    const isRoot = geteuid?.() === 0
    chmodSync(directory, isRoot ? 0o555 : 0o500)
    if (isRoot) seteuid?.(65_534)
    try {
      return await work()
    } finally {
      if (isRoot) seteuid?.(0)
    }
  }
})

describe('row 92: a damaged database at the start', () => {
  /** A data directory with something of everything in it, of an orderly end. */
  async function fill(): Promise<void> {
    const world = await open({ accounts: ['a', { name: 'b', groups: ['team'], modelMap: { x: 'y' } }] })
    await world.api
      .createKey({ body: { name: 'k' } })
      .then(({ secret }) => world.ask({}, { 'x-api-key': secret }))
    await world.api.changeConfig({ body: { requireKeys: 'off', retryAttempts: 2 } })
    await Promise.all(Array.from({ length: 150 }, (_, index) => world.ask({ system: `c${index}` })))
    await world.rows(151)
    await world.stop()
    worlds = []
    consolidate()
  }

  it('is refused by name with the way out, or serves; nothing of it is changed by a refusal', async () => {
    await fill()
    const whole = readFileSync(databaseFile())
    const refused: number[] = []
    for (const at of offsetsIn(whole)) {
      const copy = mkdtempSync(join(directory, 'copy-'))
      for (const name of ['secret.key', 'admin.token']) cpSync(join(directory, name), join(copy, name))
      const damaged = Buffer.from(whole)
      damaged.writeUInt8(damaged.readUInt8(at) ^ 0xff, at)
      const file = join(copy, 'spillway.db')
      writeFileSync(file, damaged, { mode: 0o600 })
      const result = await tryStart(copy)
      if (typeof result === 'string') {
        refused.push(at)
        expect({ at, result }).toEqual({ at, result: expect.stringContaining(copy) })
        expect(readFileSync(file).equals(damaged)).toBe(true)
      } else {
        expect((await fetch(`${result.url}/health`)).status).toBe(200)
        await result.stop(0)
      }
    }
    expect(refused.length).toBeGreaterThan(20)
  })

  it('is never deleted nor replaced when it is no database at all', async () => {
    const letter = Buffer.from('This is a letter to my grandmother, and quite a long one. '.repeat(99))
    writeFileSync(databaseFile(), letter)
    expect(await refusalOf()).toContain('Nothing was changed. Restore a backup in its place')
    expect(readFileSync(databaseFile()).equals(letter)).toBe(true)
  })

  it('is not what a spoilt lock file is: the next start says what is wrong, or does without it', async () => {
    writeFileSync(join(directory, 'spillway.lock'), 'This is no lock. '.repeat(99))
    const result = await tryStart()
    if (typeof result === 'string') expect(result).not.toContain('in use')
    else await result.stop(0)
  })

  /** In every page: what says what it is, where cells begin, and what they hold. */
  function offsetsIn({ length }: Buffer): readonly number[] {
    const pages = Math.min(14, Math.floor(length / 4_096))
    return Array.from({ length: pages }, (_, page) =>
      [0, 3, 9, 2_000, 3_900, 4_090].map((within) => page * 4_096 + within),
    ).flat()
  }
})

describe('rows 93 and 95: a process that is killed while its database is being made', () => {
  it('leaves what the next start makes whole, within two seconds', async () => {
    for (let pages = 0; pages < 40; pages += 2) {
      const place = mkdtempSync(join(directory, 'killed-'))
      const child = spawnGateway({ dataDirectory: place })
      const walBytes = () => statSync(join(place, 'spillway.db-wal'), { throwIfNoEntry: false })?.size ?? -1
      while (walBytes() < pages * 4_096 && !existsSync(join(place, 'server.json'))) await Bun.sleep(0)
      child.kill('SIGKILL')
      await child.exited
      const again = await startGatewayProcess({ dataDirectory: place })
      processes.push(again)
      expect(again.startedInMs).toBeLessThan(2_000)
      expect(await again.api.checkDatabase()).toEqual({ findings: [] })
      expect(await again.api.health()).toMatchObject({ status: 'ok' })
      await again.kill()
    }
  })
})

describe('row 95: a database of a newer Spillway', () => {
  it('is refused with a sentence and not touched; it serves again under the newer one', async () => {
    const world = await open()
    await world.stop()
    worlds = []
    consolidate('update schema_version set version = version + 8')
    const before = readFileSync(databaseFile())
    expect(await refusalOf()).toMatch(/newer Spillway/)
    expect(readFileSync(databaseFile()).equals(before)).toBe(true)
    consolidate('update schema_version set version = version - 8')
    const again = await open({ accounts: [] })
    expect((await again.api.listAccounts()).accounts).toMatchObject([{ name: 'a' }])
  })
})

describe('row 94: what a power cut may not take', () => {
  it('is written through: accounts, keys and settings are, ledger rows need not be', async () => {
    const written: Durability[] = []
    const sqlite = openSqlite(databaseFile())
    const database: Store = {
      ...sqlite,
      commit(statements, durability) {
        written.push(durability)
        return sqlite.commit(statements, durability)
      },
    }
    await migrate(database)
    const storage = await openStorage({
      database,
      clock: manualClock(),
      log: memoryLog(),
      journalFile: join(directory, 'ledger.journal'),
      rescueFile: join(directory, 'credentials.journal'),
      newId: () => Bun.randomUUIDv7(),
      sessionMs: 1_000,
      onAccounts: () => {},
    })
    const durabilityOf = async (change: () => unknown): Promise<Durability> => {
      written.length = 0
      await change()
      return only(written)
    }
    const account = sampleAccount('a')
    const key = sampleKey('k')
    for (const change of [
      () => storage.accounts.add(account),
      () => storage.accounts.change(account.id, { priority: 1 }),
      () => storage.accounts.remove(account.id),
      () => storage.keys.add(key),
      () => storage.keys.change(key.id, { revokedAt: key.createdAt }),
    ]) {
      expect(await durabilityOf(change)).toBe('full')
    }
    const append = async (): Promise<void> => {
      storage.ledger.append(sampleRow(1))
      await eventually(() => written.length > 0 || undefined, 'the row to be written')
    }
    expect(await durabilityOf(append)).toBe('normal')
    await storage.close()
  })
})
