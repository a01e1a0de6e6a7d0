/**
 * Maintenance as an operator does it: through the API of a gateway under traffic, and on the
 * command line with and without a server. What it does to a file is tested in src/storage.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { statement } from '../src/storage/database.ts'
import { openSqlite } from '../src/storage/sqlite.ts'
import { openPlace, type Place } from './support/command-line.ts'
import { only } from './support/first.ts'
import { eventually, openWorld, type World } from './support/world.ts'

let world: World | undefined
let place: Place | undefined
afterEach(async () => {
  await world?.stop()
  await place?.stop()
  world = undefined
  place = undefined
})

async function open(): Promise<World> {
  world = await openWorld()
  return world
}

const askOften = async ({ ask }: World, count: number, name = 'c'): Promise<void> => {
  const answers = await Promise.all(
    Array.from({ length: count }, (_, index) => ask({ system: `${name}${index}` })),
  )
  for (const answer of answers) {
    expect(answer.status).toBe(200)
    await answer.text()
  }
}

const post = ({ admin }: World, path: string, body: unknown): Promise<Response> =>
  admin(`/api/maintenance/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

describe('the API', () => {
  it('tells how large everything is, how far back it goes and when it was backed up', async () => {
    const { api, dataDirectory, rows, ...rest } = await open()
    await askOften({ api, dataDirectory, rows, ...rest }, 5)
    const [oldest] = await rows(5)
    const before = await api.storage()
    expect(before).toMatchObject({
      kind: 'sqlite',
      place: join(dataDirectory, 'spillway.db'),
      oldestRequestAt: oldest?.startedAt,
      lastBackup: null,
    })
    expect(before.tables).toContainEqual({ name: 'requests', rows: 5 })
    expect(before.bytes).toBeGreaterThan(50_000)
    expect(before.files.map(({ name }) => name)).toContain('secret.key')
    const { file, bytes } = await api.backupDatabase({ body: {} })
    const after = await api.storage()
    expect(after.lastBackup).toMatchObject({ file, bytes })
    expect(after.files).toContainEqual({ name: join('backups', file.split('/').at(-1) ?? ''), bytes })
  })

  it('makes a backup under traffic that holds every request that was answered before', async () => {
    const opened = await open()
    await askOften(opened, 20, 'before')
    const [{ file }] = await Promise.all([
      opened.api.backupDatabase({ body: {} }),
      askOften(opened, 20, 'during'),
    ])
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(join(opened.dataDirectory, 'backups')).mode & 0o777).toBe(0o700)
    const copy = openSqlite(file)
    const [row] = await copy.load('select count(*) as count from requests')
    await copy.close()
    expect(Number(row?.count)).toBeGreaterThanOrEqual(20)
  })

  it('compacts under traffic: nothing fails, and every row is there afterwards', async () => {
    const opened = await open()
    await askOften(opened, 30)
    const [result] = await Promise.all([opened.api.compactDatabase(), askOften(opened, 30, 'during')])
    expect(result.after.bytes).toBeLessThanOrEqual(result.before.bytes + 200_000)
    await eventually(
      async () => (await opened.api.health()).status === 'ok' || undefined,
      'health to be well',
      30_000,
    )
    expect(await opened.rows(60)).toHaveLength(60)
    expect(await opened.api.checkDatabase()).toEqual({ findings: [] })
  })

  it('does one thing at a time', async () => {
    const opened = await open()
    const answers = await Promise.all([post(opened, 'backup', {}), post(opened, 'backup', {})])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
    const refusal = answers.find(({ status }) => status === 409)
    expect(await refusal?.json()).toMatchObject({
      error: {
        code: 'conflict',
        message: 'The database is being backed up already. Try again when that is done.',
      },
    })
    expect((await post(opened, 'backup', {})).status).toBe(200)
  })

  it('deletes rows before a moment or all of them, and leaves the totals; resets these by themselves', async () => {
    const opened = await open()
    await askOften(opened, 4)
    await opened.rows(4)
    expect(await opened.api.clearHistory({ body: { before: '1h' } })).toEqual({ requests: 0 })
    expect(await opened.api.clearHistory({ body: { all: true } })).toEqual({ requests: 4 })
    expect(await opened.rows(0)).toEqual([])
    const totals = async () => only((await opened.api.listAccounts()).accounts).totals.requests
    expect(await totals()).toBe(4)
    await opened.api.resetStats()
    expect(await totals()).toBe(0)
    await askOften(opened, 2)
    await opened.rows(2)
    expect(await totals()).toBe(2)
  })

  it.each([
    ['clear-history', {}],
    ['clear-history', { all: false }],
    ['clear-history', { before: 'yesterday' }],
    ['clear-history', { before: '1d', all: true }],
    ['backup', { file: 'relative.db' }],
    ['backup', { file: '/nowhere/at/all.db' }],
  ])('refuses %s with %j and does nothing', async (path, body) => {
    const opened = await open()
    await askOften(opened, 1)
    expect((await post(opened, path, body)).status).toBe(400)
    expect(await opened.rows(1)).toHaveLength(1)
  })
})

describe('the command line', () => {
  it.each([true, false])('backs up, checks, compacts, resets and clears (server: %p)', async (isRunning) => {
    place = await openPlace(isRunning)
    await place.addAccount('a')
    const target = join(place.directory, 'copy.db')
    const backup = await place.run(['db', 'backup', target])
    expect(backup).toMatchObject({ code: 0, out: expect.stringContaining(`is copied to ${target}`) })
    expect(backup.err).toContain('The secret key is not in it')
    expect(await place.run(['db', 'backup', target])).toMatchObject({ code: 1, out: '' })
    for (const words of [
      'db check',
      'db compact',
      'db analyze',
      'db reset-stats --yes',
      'db clear-history --yes',
    ])
      expect(await place.run(words)).toMatchObject({ code: 0, out: expect.stringContaining('.\n') })
    const status = await place.run('db status --json')
    expect(status.json()).toMatchObject({ lastBackup: { file: target } })
    expect((await place.run('db status')).out).toContain(target)
  })

  it('restores a backup, keeps what was there, and the gateway serves from it again', async () => {
    place = await openPlace(false)
    await place.addAccount('a')
    const made = (await place.run('db backup --json')).json<{ file: string }>()
    await place.addAccount('b')
    const restored = await place.run(['db', 'restore', made.file, '--yes', '--json'])
    expect(restored.code).toBe(0)
    const { kept } = restored.json<{ kept: string }>()
    expect((await place.run('accounts list')).out).not.toContain('\nb ')
    expect((await place.run(['db', 'restore', kept, '--yes'])).code).toBe(0)
    expect((await place.run('accounts list --json')).json<unknown[]>()).toHaveLength(2)
    for (const name of readdirSync(place.dataDirectory).filter((each) => each.includes('.before-restore-')))
      expect(statSync(join(place.dataDirectory, name)).mode & 0o777).toBe(0o600)
  })

  it('restores nothing while a server runs, and says which', async () => {
    place = await openPlace(true)
    const { file } = (await place.run('db backup --json')).json<{ file: string }>()
    const refusal = await place.run(['db', 'restore', file, '--yes'])
    expect(refusal).toMatchObject({
      code: 1,
      err: expect.stringContaining(`in use by the Spillway at ${place.world.url}`),
    })
  })

  it('restores nothing that would not start, and changes nothing then', async () => {
    place = await openPlace(false)
    await place.addAccount('a')
    const { directory, dataDirectory } = place
    const { file } = (await place.run('db backup --json')).json<{ file: string }>()
    const database = join(dataDirectory, 'spillway.db')
    const before = readFileSync(database)
    const letter = join(directory, 'letter')
    writeFileSync(letter, 'This is a letter to my grandmother. '.repeat(300))
    const half = join(directory, 'half')
    writeFileSync(half, readFileSync(file).subarray(0, 40_000))
    const newer = join(directory, 'newer.db')
    await changed(file, newer, 'update schema_version set version = 999')
    const foreign = join(directory, 'foreign.db')
    writeFileSync(foreign, '')
    for (const [from, code, words] of [
      [join(directory, 'nowhere'), 3, 'There is no file'],
      [letter, 1, 'not a sound database'],
      [half, 1, 'not a sound database'],
      [newer, 1, 'a newer Spillway wrote it (schema 999'],
      [foreign, 1, 'no database of Spillway’s'],
      [database, 1, 'it is the database itself'],
    ] as const) {
      const refusal = await place.run(['db', 'restore', from, '--yes'])
      expect({ from, ...refusal }).toMatchObject({ from, code, err: expect.stringContaining(words) })
    }
    rmSync(join(dataDirectory, 'secret.key'))
    expect((await place.run(['db', 'restore', file, '--yes'])).err).toMatch(/secret key .* is missing/)
    writeFileSync(join(dataDirectory, 'secret.key'), Buffer.alloc(32, 7).toString('base64'))
    expect((await place.run(['db', 'restore', file, '--yes'])).err).toContain(
      'is not the one that the credentials',
    )
    expect(readFileSync(database).equals(before)).toBe(true)
    expect(readdirSync(dataDirectory).filter((name) => /restor/.test(name))).toEqual([])
  })

  it('restores into a new data directory that has the secret key', async () => {
    place = await openPlace(false)
    await place.addAccount('a')
    const { directory, dataDirectory } = place
    const { file } = (await place.run('db backup --json')).json<{ file: string }>()
    const other = join(directory, 'other')
    mkdirSync(other, { mode: 0o700 })
    writeFileSync(join(other, 'secret.key'), readFileSync(join(dataDirectory, 'secret.key')), { mode: 0o600 })
    const environment = { SPILLWAY_DATA_DIR: other }
    const restored = await place.run(['db', 'restore', file, '--yes', '--json'], { environment })
    expect(restored.json()).toMatchObject({ database: join(other, 'spillway.db'), kept: null })
    expect((await place.run('accounts list', { environment })).out).toContain('a')
    expect(existsSync(join(other, 'spillway.db'))).toBe(true)
  })
})

/** A copy with a change in it. */
async function changed(from: string, to: string, text: string): Promise<void> {
  writeFileSync(to, readFileSync(from))
  const copy = openSqlite(to)
  await copy.commit([statement(text)], 'full')
  await copy.close()
}
