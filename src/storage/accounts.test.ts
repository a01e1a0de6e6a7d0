/** Accounts are remembered whole, changed at once or not at all, and found again after a restart. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { idOf, NOON, sampleAccount } from '../../test/support/samples.ts'
import { type Account, toSealedSecret } from '../core/account.ts'
import { later } from '../core/time.ts'
import { openAccounts } from './accounts.ts'
import { type Database, DatabaseError, statement } from './database.ts'

describe.each(await databases())('accounts on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('are given back after a restart exactly as they were added', async () => {
    const full = sampleAccount('full', {
      provider: 'anthropic-compatible',
      baseUrl: 'https://llm.example/path',
      priority: -3,
      weight: 0.5,
      tier: 20,
      groups: ['work', 'naïve "quoted" 組'],
      modelMap: new Map([
        ['claude-sonnet-5-5', ['glm-5', 'glm-4.7']],
        ['a=b', ["it's"]],
      ]),
      models: ['glm-5', 'opus'],
      maxConcurrent: 4,
      refreshSecret: toSealedSecret('v1.refresh'),
      tokenExpiresAt: later(NOON, 2),
      credentialVersion: 4,
      planOnly: true,
      network: toSealedSecret('v1.network'),
      pausedAt: later(NOON, 1),
      createdAt: later(NOON, -1),
    })
    const plain = sampleAccount('plain')
    const store = await openAccounts(await its.open(), nobody)
    await store.add(full)
    await store.add(plain)
    expect(store.all()).toEqual([full, plain])
    expect((await openAccounts(await its.reopen(), nobody)).all()).toEqual([full, plain])
  })

  it('come in the order in which they were made', async () => {
    const store = await openAccounts(await its.open(), nobody)
    await store.add(sampleAccount('later', { createdAt: later(NOON, 5) }))
    await store.add(sampleAccount('earlier'))
    const again = await openAccounts(await its.reopen(), nobody)
    expect(namesOf(again.all())).toEqual(['earlier', 'later'])
  })

  it('are told to whoever listens after each change, as a new list', async () => {
    const heard: (readonly Account[])[] = []
    const store = await openAccounts(await its.open(), (accounts) => void heard.push(accounts))
    await store.add(sampleAccount('a'))
    await store.change(idOf('a'), { priority: 7 })
    await store.remove(idOf('a'))
    expect(heard.map((accounts) => accounts.map(({ priority }) => priority))).toEqual([[0], [7], []])
    expect(new Set(heard).size).toBe(3)
  })

  it('change in what was said and in nothing else, for good', async () => {
    const before = sampleAccount('a', { groups: ['x'], pausedAt: NOON })
    const store = await openAccounts(await its.open(), nobody)
    await store.add(before)
    const change = {
      name: 'b',
      baseUrl: 'http://127.0.0.1:1',
      modelMap: new Map([['m', ['n']]]),
      models: undefined,
      maxConcurrent: 7,
      planOnly: true,
      network: toSealedSecret('v1.other'),
      pausedAt: undefined,
    }
    expect(await store.change(before.id, change)).toEqual({ ...before, ...change })
    expect((await openAccounts(await its.reopen(), nobody)).all()).toEqual([{ ...before, ...change }])
  })

  it('keep every one of several changes that come at once, in memory and for good', async () => {
    const before = sampleAccount('a')
    const store = await openAccounts(await its.open(), nobody)
    await store.add(before)
    await Promise.all([
      store.change(before.id, { priority: 7 }),
      store.change(before.id, { tier: 20 }),
      store.change(before.id, { pausedAt: NOON }),
      store.change(before.id, { name: 'b' }),
    ])
    const after = { ...before, priority: 7, tier: 20, pausedAt: NOON, name: 'b' }
    expect(store.all()).toEqual([after])
    expect((await openAccounts(await its.reopen(), nobody)).all()).toEqual([after])
  })

  it('that are changed in nothing stay as they are', async () => {
    const store = await openAccounts(await its.open(), nobody)
    await store.add(sampleAccount('a'))
    expect(await store.change(idOf('a'), {})).toEqual(sampleAccount('a'))
    expect((await openAccounts(await its.reopen(), nobody)).all()).toEqual([sampleAccount('a')])
  })

  it('keep a credential that was renewed while an operator changed something else', async () => {
    const before = sampleAccount('a', { refreshSecret: toSealedSecret('v1.refresh'), tokenExpiresAt: NOON })
    const renewed = { secret: toSealedSecret('v1.new'), tokenExpiresAt: later(NOON, 9), credentialVersion: 2 }
    const database = await its.open()
    const slow = heldUp(database)
    const store = await openAccounts(slow.database, nobody)
    await store.add(before)
    const release = slow.hold()
    const change = store.change(before.id, { weight: 3 })
    await database.commit(
      [
        statement(
          "update accounts set secret = 'v1.new', token_expires_at = $1, credential_version = 2",
          later(NOON, 9),
        ),
      ],
      'full',
    )
    store.adopt({ ...before, ...renewed })
    release()
    const after = { ...before, ...renewed, weight: 3 }
    expect(await change).toEqual(after)
    expect(store.all()).toEqual([after])
    expect((await openAccounts(await its.reopen(), nobody)).all()).toEqual([after])
  })

  it('that are removed while they are changed are not there again', async () => {
    const slow = heldUp(await its.open())
    const store = await openAccounts(slow.database, nobody)
    await store.add(sampleAccount('a'))
    const release = slow.hold()
    const changes = [store.change(idOf('a'), { weight: 3 }), store.remove(idOf('a'))]
    release()
    await Promise.allSettled(changes)
    expect(store.all()).toEqual([])
    expect((await openAccounts(await its.reopen(), nobody)).all()).toEqual([])
  })

  it('cannot be two of the same name', async () => {
    const store = await openAccounts(await its.open(), nobody)
    await store.add(sampleAccount('a'))
    await store.add(sampleAccount('b'))
    const twin = { ...sampleAccount('a'), id: idOf('twin') }
    await expect(store.add(twin)).rejects.toMatchObject({ code: 'conflict' })
    await expect(store.add(twin)).rejects.toThrow('There is an account called "a" already.')
    await expect(store.change(idOf('b'), { name: 'a' })).rejects.toMatchObject({ code: 'conflict' })
    expect(namesOf(store.all())).toEqual(['a', 'b'])
    expect(namesOf((await openAccounts(await its.reopen(), nobody)).all())).toEqual(['a', 'b'])
  })

  it('that do not exist cannot be changed', async () => {
    const store = await openAccounts(await its.open(), nobody)
    await expect(store.change(idOf('nobody'), { tier: 2 })).rejects.toMatchObject({ code: 'not-found' })
  })

  it('leave with their health, their history and their bindings, and with nobody else’s; what they made is still known to be theirs', async () => {
    const database = await its.open()
    const store = await openAccounts(database, nobody)
    for (const name of ['a', 'b']) {
      await store.add(sampleAccount(name))
      await database.commit(
        [
          statement('insert into account_health (account_id) values ($1)', idOf(name)),
          statement('insert into bindings values ($1, $2, null, 1, 1, null)', `talk-${name}`, idOf(name)),
          statement("insert into owners values ($1, $2, 1, 'org')", `file_${name}`, idOf(name)),
          statement(
            "insert into account_events (id, account_id, at, kind) values ($1, $2, 1, 'paused')",
            `e-${name}`,
            idOf(name),
          ),
          statement(
            "insert into window_readings (account_id, window_name, at) values ($1, '5h', 1)",
            idOf(name),
          ),
        ],
        'full',
      )
    }
    await store.remove(idOf('a'))
    expect(namesOf((await openAccounts(await its.reopen(), nobody)).all())).toEqual(['b'])
    const left = await its.reopen()
    const idsIn = async (table: string) =>
      (await left.load(`select account_id from ${table} order by account_id`)).map((row) => row.account_id)
    for (const table of ['account_health', 'bindings', 'account_events', 'window_readings'])
      expect(await idsIn(table)).toEqual([idOf('b')])
    expect(await idsIn('owners')).toEqual([idOf('a'), idOf('b')])
  })

  it.each([
    ['full', 'storage-full', 'The disk is full, so the change was not saved.'],
    ['busy', 'unavailable', 'Another program holds the database; the change was not saved.'],
    ['unreachable', 'unavailable', 'The database cannot be reached; the change was not saved.'],
    ['other', 'unavailable', 'The change was not saved: out of luck'],
  ] as const)(
    'stay as they were when the database is %s, and a sentence says so',
    async (problem, code, sentence) => {
      const database = await its.open()
      const heard: unknown[] = []
      const store = await openAccounts(refusing(database, problem), (accounts) => void heard.push(accounts))
      const refusal = store.add(sampleAccount('a'))
      await expect(refusal).rejects.toMatchObject({ code, message: sentence })
      expect(store.all()).toEqual([])
      expect(heard).toEqual([])
    },
  )
})

const nobody = (): void => {}
const namesOf = (accounts: readonly Account[]): readonly string[] => accounts.map(({ name }) => name)

/** A database whose commits can be made to wait. */
function heldUp(database: Database) {
  let open = Promise.resolve()
  const held: Database = {
    ...database,
    async commit(statements, durability) {
      await open
      return database.commit(statements, durability)
    },
  }
  return {
    database: held,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      open = promise
      return resolve
    },
  }
}

const refusing = (database: Database, problem: DatabaseError['problem']): Database => ({
  ...database,
  commit: () => Promise.reject(new DatabaseError(problem, 'out of luck', undefined)),
})
