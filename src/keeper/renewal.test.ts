/**
 * One renewal from its claim to its storing (G9): what each failure on the way leads to, what
 * a crash leaves behind, and that no renewed token is used before it is stored. On fakes where
 * failures are the matter, on the real stores where the database is.
 */
import { describe, expect, it } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { databases } from '../../test/support/databases.ts'
import { canLimitFileSize, limitFileSize } from '../../test/support/file-size-limit.ts'
import {
  type Keeping,
  keeperParts,
  openKeeping,
  plainSecrets,
  signedInAccount,
} from '../../test/support/keeping.ts'
import { withOutages } from '../../test/support/ledgers.ts'
import { idOf, memoryLog, NOON } from '../../test/support/samples.ts'
import { calm } from '../../test/support/ticking-clock.ts'
import { within } from '../../test/support/within.ts'
import { eventually } from '../../test/support/world.ts'
import { type Account, toSealedSecret } from '../core/account.ts'
import type { SecretBox } from '../core/ports/secrets.ts'
import { HOUR, later, MINUTE, SECOND } from '../core/time.ts'
import { createSecretBox } from '../platform/secret-box.ts'
import * as reply from '../simulator/replies.ts'
import { openAccounts } from '../storage/accounts.ts'
import { openCredentials } from '../storage/credentials.ts'
import type { Database } from '../storage/database.ts'
import { openRescueFile } from '../storage/rescue-file.ts'
import type { KeeperContext } from './context.ts'
import { createRefresher } from './refresher.ts'
import { renewOnce } from './renewal.ts'

const invalidGrant = { reply: reply.oauthRefusal('invalid_grant', 'Gone') }
const renewed = (version: number, isIssued = true) => ({
  kind: 'renewed',
  isIssued,
  account: { credentialVersion: version },
})

const open = (): Keeping => openKeeping([{ name: 'a' }])
const renew = ({ accounts, context }: Keeping, more: Partial<KeeperContext> = {}) =>
  renewOnce(accounts.find('a'), { ...context, ...more })
const storedToken = ({ accounts, tokenOf }: Keeping): string => tokenOf(accounts.find('a'))

describe('a renewal', () => {
  it('brings new tokens for the old ones, with the time at which they end', async () => {
    const on = open()
    expect(await renew(on)).toMatchObject(renewed(2))
    expect(on.accounts.find('a')).toMatchObject({
      secret: 'account-credential of id-a: CANARY-oat-2',
      refreshSecret: 'refresh-token of id-a: CANARY-ort-2',
      tokenExpiresAt: later(NOON, 8 * HOUR),
    })
  })

  it('keeps the refresh token where no new one comes', async () => {
    const on = open()
    on.upstream.logins.answers = { omitRefreshToken: true }
    await renew(on)
    expect(await renew(on)).toMatchObject(renewed(3))
    expect(on.accounts.find('a').refreshSecret).toBe(toSealedSecret('refresh-token of id-a: CANARY-ort-1'))
  })

  it('is not used before it is stored, however long that takes', async () => {
    const on = open()
    on.accounts.failures.replace = 3
    const renewing = renew(on)
    await on.clock.advance(5 * SECOND)
    expect(storedToken(on)).toBe('CANARY-oat-1')
    expect(on.log.lines.filter((line) => line.startsWith('error')).length).toBe(3)
    await on.clock.advance(SECOND)
    expect(await renewing).toMatchObject(renewed(2))
    expect([storedToken(on), on.tokenRequests()]).toEqual(['CANARY-oat-2', 1])
  })

  it('does not begin when its claim cannot be stored', async () => {
    const on = open()
    on.accounts.failures.claim = 1
    await expect(renew(on)).rejects.toThrow('The disk is full.')
    expect(on.tokenRequests()).toBe(0)
    expect(await renew(on)).toMatchObject(renewed(2))
  })

  it('does not begin, and claims nothing, when its token cannot be opened', async () => {
    const on = open()
    const secrets: SecretBox = {
      ...plainSecrets,
      open() {
        throw new Error('The key is another one.')
      },
    }
    await expect(renew(on, { secrets })).rejects.toThrow('The key is another one.')
    on.upstream.direct = () => invalidGrant
    expect(await renew(on)).toMatchObject({ kind: 'revoked', evidence: expect.not.stringContaining('lost') })
  })

  it('tells nobody of the tokens that a refusal repeats', async () => {
    const on = open()
    for (const padding of [0, 180, 190, 195, 199]) {
      const text = `${'x'.repeat(padding)}CANARY-ort-1 CANARY-ort-1`
      on.upstream.direct = () => ({ reply: reply.oauthRefusal('invalid_request', text) })
      expect(JSON.stringify(await renew(on))).not.toContain('CANARY')
    }
  })
})

describe('a renewal of which nobody knows what came', () => {
  it.each([
    ['its answer was lost', 'lose'],
    [
      'its answer said nothing that can be used',
      { reply: reply.json({ access_token: 'x', token_type: 'Bearer' }) },
    ],
  ] as const)(
    'because %s: the next refusal says that the renewed token was lost',
    async (_what, direction) => {
      const on = open()
      on.upstream.direct = () => direction
      expect(await renew(on)).toMatchObject({ kind: 'trouble' })
      on.upstream.direct = () => invalidGrant
      expect(await renew(on)).toMatchObject({
        kind: 'revoked',
        evidence: expect.stringContaining('renewed token was lost'),
      })
    },
  )

  it('may have come to nothing: then the next one succeeds, and the doubt is over', async () => {
    const on = open()
    on.upstream.direct = () => 'break'
    await renew(on)
    on.upstream.direct = () => 'serve'
    expect(await renew(on)).toMatchObject(renewed(2))
    on.upstream.direct = () => invalidGrant
    expect(await renew(on)).toMatchObject({ kind: 'revoked', evidence: expect.not.stringContaining('lost') })
  })

  it('stays in doubt over troubles that come after it', async () => {
    const on = open()
    for (const direction of ['lose', 'refuse', { reply: reply.serverError }] as const) {
      on.upstream.direct = () => direction
      await renew(on)
    }
    on.upstream.direct = () => invalidGrant
    expect(await renew(on)).toMatchObject({ evidence: expect.stringContaining('renewed token was lost') })
  })

  it('is in doubt too when that could not be stored', async () => {
    const on = open()
    on.upstream.direct = () => 'lose'
    on.accounts.failures.release = 1
    expect(await renew(on)).toMatchObject({ kind: 'trouble', evidence: expect.stringContaining('reset') })
    on.upstream.direct = () => invalidGrant
    on.accounts.failures.release = 1
    expect(await renew(on)).toMatchObject({ evidence: expect.stringContaining('renewed token was lost') })
  })

  it.each([
    ['no connection came about', 'refuse'],
    ['it was limited', { reply: reply.throttled(60) }],
  ] as const)('is not in doubt when %s', async (_what, direction) => {
    const on = open()
    on.upstream.direct = () => direction
    await renew(on)
    on.upstream.direct = () => invalidGrant
    expect(await renew(on)).toMatchObject({
      kind: 'revoked',
      evidence: expect.not.stringContaining('lost'),
    })
  })
})

describe('a renewal while another process has claimed it', () => {
  const claimFor = (on: Keeping, ms: number) =>
    on.accounts.credentials.claim(idOf('a'), 1, {
      holder: 'another process',
      now: on.clock.now(),
      until: later(on.clock.now(), ms),
    })

  it('waits for what comes of that, and takes it over', async () => {
    const on = open()
    await claimFor(on, 45 * SECOND)
    const renewing = renew(on)
    await on.clock.advance(3 * SECOND)
    const secret = plainSecrets.seal('account-credential', idOf('a'), 'CANARY-theirs')
    await on.accounts.credentials.replace(idOf('a'), 1, { ...on.accounts.find('a'), secret })
    await on.clock.advance(SECOND)
    expect(await renewing).toMatchObject(renewed(2, false))
    expect([storedToken(on), on.tokenRequests()]).toEqual(['CANARY-theirs', 0])
  })

  it('renews itself when the other gives up', async () => {
    const on = open()
    await claimFor(on, 45 * SECOND)
    const renewing = renew(on)
    await on.clock.advance(3 * SECOND)
    await on.accounts.credentials.release(idOf('a'), 'another process', false)
    await on.clock.advance(SECOND)
    expect(await renewing).toMatchObject(renewed(2))
  })

  it('takes over when the other has said nothing for its time, and knows that it is in doubt', async () => {
    const on = open()
    await claimFor(on, 45 * SECOND)
    on.upstream.direct = () => invalidGrant
    const renewing = renew(on)
    await on.clock.advance(44 * SECOND)
    expect(on.tokenRequests()).toBe(0)
    await on.clock.advance(2 * SECOND)
    expect(await renewing).toMatchObject({ evidence: expect.stringContaining('renewed token was lost') })
  })

  it('gives up after a minute', async () => {
    const on = open()
    await claimFor(on, HOUR)
    const renewing = renew(on)
    await on.clock.advance(61 * SECOND)
    expect(await renewing).toMatchObject({ kind: 'trouble' })
    expect([on.tokenRequests(), on.clock.timers]).toEqual([0, 0])
  })

  it('is not revoked when the other’s token is there by the time of the refusal', async () => {
    const on = open()
    const gate = Promise.withResolvers<void>()
    on.upstream.direct = () => ({ until: gate.promise })
    on.upstream.logins.revoke('CANARY-ort-1')
    const renewing = renew(on)
    await calm()
    const secret = plainSecrets.seal('account-credential', idOf('a'), 'CANARY-theirs')
    await on.accounts.credentials.replace(idOf('a'), 1, { ...on.accounts.find('a'), secret })
    gate.resolve()
    expect(await renewing).toMatchObject(renewed(2, false))
    expect(storedToken(on)).toBe('CANARY-theirs')
  })
})

describe.each(await databases())('on %s', (kind, useDatabase) => {
  const its = useDatabase()
  const secrets = createSecretBox(randomBytes(32), 'here')
  const rescueFile = (name = 'one') => join(its.directory, `${name}.rescue`)

  /** A process of its own, as far as its stores go. */
  async function openProcess(database: Database, name = 'one') {
    const log = memoryLog()
    const accounts = await openAccounts(database, () => {})
    const rescue = openRescueFile(rescueFile(name))
    const credentials = await openCredentials({ database, accounts, rescue, log })
    return { accounts, credentials, log, name, first: () => found(accounts.all()) }
  }
  type Process = Awaited<ReturnType<typeof openProcess>>

  const contextOf = (on: Keeping, process: Process): KeeperContext => ({
    ...keeperParts(on.pool),
    ...on.context,
    ...process,
    secrets,
    holder: process.name,
  })

  /** Its tokens sealed as they are in earnest. */
  function sealed(on: Keeping): Account {
    const account = signedInAccount(on.upstream, on.clock, { name: 'a' })
    const again = (purpose: 'account-credential' | 'refresh-token', text = toSealedSecret('')) =>
      secrets.seal(purpose, account.id, plainSecrets.open(purpose, account.id, text))
    return {
      ...account,
      secret: again('account-credential', account.secret),
      refreshSecret: again('refresh-token', account.refreshSecret),
    }
  }
  const tokenOf = ({ first }: Process): string => {
    const { id, secret } = first()
    return secrets.open('account-credential', id, secret)
  }
  const empty = (): Keeping => openKeeping([])

  it('two processes at once make one renewal, and both have its token', async () => {
    const on = empty()
    const database = await its.open()
    const one = await openProcess(database, 'one')
    await one.accounts.add(sealed(on))
    // A PostgreSQL database belongs to one gateway: there the two share its connections.
    const two = await openProcess(kind === 'SQLite' ? await its.open() : database, 'two')
    const clock = { ...on.clock, sleep: (ms: number) => Bun.sleep(ms / 20) }
    const refreshers = [one, two].map((each) => createRefresher({ ...contextOf(on, each), clock }))
    const gate = Promise.withResolvers<void>()
    on.upstream.direct = () => ({ until: gate.promise })
    const all = [one, two, one, two].map((each, index) =>
      refreshers[index % 2]?.afterRefusal(each.first().id, 1),
    )
    await eventually(() => on.tokenRequests() > 0 || undefined, 'a renewal to be under way')
    gate.resolve()
    for (const outcome of await within(Promise.all(all), 'both'))
      expect(outcome).toMatchObject({ kind: 'fresh' })
    expect([on.tokenRequests(), on.upstream.logins.reuses.length]).toEqual([1, 0])
    expect([tokenOf(one), tokenOf(two)]).toEqual(['CANARY-oat-2', 'CANARY-oat-2'])
    one.credentials.close()
    two.credentials.close()
  })

  it('what the operator changes while it runs stays, and so does the renewed token', async () => {
    const on = empty()
    const process = await openProcess(await its.open())
    await process.accounts.add(sealed(on))
    const gate = Promise.withResolvers<void>()
    on.upstream.direct = () => ({ until: gate.promise })
    const renewing = renewOnce(process.first(), contextOf(on, process))
    await eventually(() => on.tokenRequests() > 0 || undefined, 'the renewal to be under way')
    await process.accounts.change(process.first().id, { name: 'renamed', priority: 7 })
    const changing = process.accounts.change(process.first().id, { weight: 3 })
    gate.resolve()
    expect(await renewing).toMatchObject(renewed(2))
    await changing
    const wanted = { name: 'renamed', priority: 7, weight: 3, credentialVersion: 2 }
    expect(process.first()).toMatchObject(wanted)
    process.credentials.close()
    const after = await openProcess(await its.reopen())
    expect(after.first()).toMatchObject(wanted)
    expect(tokenOf(after)).toBe('CANARY-oat-2')
    after.credentials.close()
  })

  it('two changes of the operator’s at once are both there after a restart', async () => {
    const on = empty()
    const process = await openProcess(await its.open())
    await process.accounts.add(sealed(on))
    const { id } = process.first()
    await Promise.all([
      process.accounts.change(id, { name: 'renamed' }),
      process.accounts.change(id, { priority: 7 }),
    ])
    const wanted = { name: 'renamed', priority: 7 }
    expect(process.first()).toMatchObject(wanted)
    process.credentials.close()
    const after = await openProcess(await its.reopen())
    expect(after.first()).toMatchObject(wanted)
    after.credentials.close()
  })

  it('a crash before the storing is known after the restart', async () => {
    const on = empty()
    const crashing = await openProcess(await its.open())
    await crashing.accounts.add(sealed(on))
    on.upstream.direct = () => ({ until: new Promise(() => {}) })
    void renewOnce(crashing.first(), contextOf(on, crashing))
    await eventually(() => on.tokenRequests() > 0 || undefined, 'the renewal to be under way')
    crashing.credentials.close()
    const after = await openProcess(await its.reopen(), 'two')
    on.upstream.direct = () => 'serve'
    expect(await renewOnce(after.first(), contextOf(on, after))).toMatchObject({
      kind: 'revoked',
      evidence: expect.stringContaining('renewed token was lost'),
    })
    expect(on.upstream.logins.reuses.length).toBe(1)
    after.credentials.close()
  })

  it('nothing is renewed while the database takes nothing', async () => {
    const on = empty()
    const outage = withOutages(await its.open())
    const process = await openProcess(outage.database)
    await process.accounts.add(sealed(on))
    outage.begin()
    const refresher = createRefresher(contextOf(on, process))
    expect(await refresher.renew(process.first())).toMatchObject({ failure: { cause: 'refresh-failed' } })
    expect(on.tokenRequests()).toBe(0)
    process.credentials.close()
  })

  it('a token that the database does not take is kept in a file, used, and brought in later', async () => {
    const on = empty()
    const outage = withOutages(await its.open())
    const process = await openProcess(outage.database)
    await process.accounts.add(sealed(on))
    // The claim is one look and one commit.
    outage.beginAfter(2)
    expect(await renewOnce(process.first(), contextOf(on, process))).toMatchObject(renewed(2))
    expect(tokenOf(process)).toBe('CANARY-oat-2')
    expect(statSync(rescueFile()).mode & 0o777).toBe(0o600)
    expect(readFileSync(rescueFile(), 'utf8')).not.toContain('CANARY')
    expect(await renewOnce(process.first(), contextOf(on, process)).catch(() => 'failed')).toBe('failed')
    outage.end()
    await eventually(() => !existsSync(rescueFile()) || undefined, 'the token to be brought in')
    expect(await renewOnce(process.first(), contextOf(on, process))).toMatchObject(renewed(3))
    expect([on.tokenRequests(), on.upstream.logins.reuses.length]).toEqual([2, 0])
    process.credentials.close()
  })

  it('a token in the file is brought in by the next start, behind a line that was cut off', async () => {
    const on = empty()
    const outage = withOutages(await its.open())
    const process = await openProcess(outage.database)
    await process.accounts.add(sealed(on))
    appendFileSync(rescueFile(), '{"id":"id-a","version":1,"credential":{"sec', { mode: 0o600 })
    outage.beginAfter(2)
    await renewOnce(process.first(), contextOf(on, process))
    process.credentials.close()
    const after = await openProcess(await its.reopen())
    expect(tokenOf(after)).toBe('CANARY-oat-2')
    expect(existsSync(rescueFile())).toBe(false)
    expect(after.log.lines).toEqual([
      'info A renewed credential was brought into the database from its file.',
    ])
    expect(await renewOnce(after.first(), contextOf(on, after))).toMatchObject(renewed(3))
    expect(on.upstream.logins.reuses.length).toBe(0)
    after.credentials.close()
  })

  it('a token that neither the database nor the file takes is not used before one of them does', async () => {
    const on = empty()
    const outage = withOutages(await its.open())
    const log = memoryLog()
    const accounts = await openAccounts(outage.database, () => {})
    const rescue = { all: () => [], keep: () => false, clear: () => {} }
    const credentials = await openCredentials({ database: outage.database, accounts, rescue, log })
    await accounts.add(sealed(on))
    const process: Process = { accounts, credentials, log, name: 'one', first: () => found(accounts.all()) }
    outage.beginAfter(2)
    const renewing = renewOnce(process.first(), contextOf(on, process))
    await eventually(() => log.lines.length > 0 || undefined, 'it to be refused')
    await on.clock.advance(MINUTE)
    expect(tokenOf(process)).toBe('CANARY-oat-1')
    outage.end()
    await on.clock.advance(2 * SECOND)
    expect(await within(renewing, 'the renewal')).toMatchObject(renewed(2))
    expect([tokenOf(process), on.tokenRequests()]).toEqual(['CANARY-oat-2', 1])
    process.credentials.close()
  })

  it('a token that comes into the file while others are brought in stays there', async () => {
    const on = empty()
    const database = await its.open()
    const account = sealed(on)
    const process = await openProcess(database)
    await process.accounts.add(account)
    process.credentials.close()
    const rescue = openRescueFile(rescueFile())
    const { id, ...credential } = account
    rescue.keep({ id, version: 1, credential })
    const slow: Database = {
      ...database,
      async commit(...commit) {
        if (rescue.all().length === 1)
          rescue.keep({ id, version: 2, credential: { ...credential, tokenExpiresAt: NOON } })
        return database.commit(...commit)
      },
    }
    const after = await openProcess(slow)
    expect(after.first()).toMatchObject({ credentialVersion: 3, tokenExpiresAt: NOON })
    after.credentials.close()
  })

  it.if(kind === 'SQLite' && canLimitFileSize)(
    'a line that the disk takes only a part of is not kept, and spoils no other',
    async () => {
      const on = empty()
      await its.open()
      const { id, ...credential } = sealed(on)
      const rescue = openRescueFile(rescueFile())
      expect(rescue.keep({ id, version: 1, credential })).toBe(true)
      const { size } = statSync(rescueFile())
      limitFileSize(process.pid, size + 10)
      const isKept = rescue.keep({ id, version: 2, credential })
      limitFileSize(process.pid, undefined)
      expect(isKept).toBe(false)
      expect(statSync(rescueFile()).size).toBe(size)
      expect(rescue.keep({ id, version: 3, credential })).toBe(true)
      expect(rescue.all().map(({ version }) => version)).toEqual([1, 3])
    },
  )
})

function found(accounts: readonly Account[]): Account {
  const [account] = accounts
  if (account === undefined) throw new Error('There is no account.')
  return account
}
