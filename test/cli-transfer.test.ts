/**
 * Accounts taken elsewhere by the real command: exported with their credentials into a file
 * that a passphrase opens, and imported on another data directory, where they serve.
 */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Account } from '../src/api/contract.ts'
import { encryptWithPassphrase } from '../src/platform/age.ts'
import type { Place, Ran } from './support/command-line.ts'
import { openSignInPlace, signInByCommand, variablesFor } from './support/sign-in.ts'

/** Where the accounts are, and where they go to. */
let home: Place
let away: Place
let file: string
beforeEach(async () => {
  home = await openSignInPlace(false)
  away = await openSignInPlace(true)
  file = join(home.directory, 'accounts.age')
})
afterEach(async () => {
  await home.stop()
  await away.stop()
})

const PASSPHRASE = 'CANARY a long passphrase'

/** The provider is the same for both. */
const on = (place: Place, words: readonly string[], passphrase = PASSPHRASE): Promise<Ran> =>
  place.run(words, { environment: { ...variablesFor(home.simulator), PASS: passphrase } })

const toFile = (): Promise<Ran> =>
  on(home, ['accounts', 'export', '--with-credentials', '--passphrase-env', 'PASS', '--output', file])

const fromFile = (...more: readonly string[]): Promise<Ran> =>
  on(away, ['accounts', 'import', file, '--passphrase-env', 'PASS', ...more])

const list = async (place: Place): Promise<readonly Account[]> =>
  (await on(place, ['accounts', 'list', '--json'])).json()

const keyAtProvider = async (place: Place, name: string): Promise<string | undefined> => {
  const before = home.simulator.received.length
  expect((await on(place, ['accounts', 'test', name])).code).toBe(0)
  return home.simulator.received.slice(before).at(-1)?.key
}

const MODELS = [
  '--model-map',
  'a=b,c',
  '--model-map',
  '*=d',
  '--model',
  'b',
  '--model',
  'c',
  '--model',
  'd*',
].concat(['--max-concurrent', '4'])

async function addBoth(): Promise<void> {
  const { url } = home.simulator
  await home.addAccount('key', '--priority', '3', '--group', 'team', ...MODELS)
  const words = ['accounts', 'add', 'max', '--provider', 'claude-oauth', '--base-url', url, '--accept-terms']
  expect((await signInByCommand(home, [...words, '--plan-only', '--header', 'x-team=blue'])).code).toBe(0)
  await on(home, ['accounts', 'pause', 'key'])
}

describe('a file with the credentials', () => {
  it('brings all accounts to another place, as they were, and they work there', async () => {
    await addBoth()
    const written = await toFile()
    expect([written.code, written.out]).toEqual([0, ''])
    expect(written.err).toContain('Accounts that are signed in to work in one place only')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const read = await fromFile('--accept-terms')
    expect([read.code, read.out, read.err]).toEqual([
      0,
      'Added the account key.\nAdded the account max.\n',
      '',
    ])
    const settings = (all: readonly Account[]) =>
      all.map(({ name, provider, baseUrl, priority, weight, tier, groups, planOnly, ...more }) => {
        const { modelMap, models, maxConcurrent, headers, state } = more
        return {
          ...{ name, provider, baseUrl, priority, weight, tier, groups, planOnly },
          ...{ modelMap, models, maxConcurrent, headers, kind: state.kind },
        }
      })
    expect(settings(await list(away))).toEqual(settings(await list(home)))
    expect((await list(away))[0]).toMatchObject({ modelMap: { a: ['b', 'c'], '*': 'd' }, maxConcurrent: 4 })
    expect(await keyAtProvider(away, 'max')).toBe('CANARY-oat-1')
    await away.world.api.changeConfig({ body: { anthropicOauthUrl: home.simulator.url } })
    expect((await on(away, ['accounts', 'refresh', 'max'])).code).toBe(0)
    expect(await keyAtProvider(away, 'max')).toBe('CANARY-oat-2')
    expect(home.simulator.logins.reuses).toEqual([])
  }, 30_000)

  it('is only looked into in a dry run', async () => {
    await addBoth()
    await toFile()
    const { code, out } = await fromFile('--dry-run')
    expect([code, out]).toEqual([0, 'Would add the account key.\nWould add the account max.\n'])
    expect(await list(away)).toEqual([])
  }, 30_000)

  it('asks for a yes to the terms where a subscription is in it, before anything is added', async () => {
    await addBoth()
    await toFile()
    const { code, err } = await fromFile()
    expect([code, err]).toEqual([2, expect.stringContaining('say --accept-terms')])
    expect(await list(away)).toEqual([])
  }, 30_000)

  it('asks for no yes where none is', async () => {
    await home.addAccount('key')
    await toFile()
    expect((await fromFile()).code).toBe(0)
    expect((await fromFile('--dry-run')).code).toBe(1)
    const again = await fromFile()
    expect([again.code, again.out]).toEqual([1, ''])
    expect(again.err).toContain('key: There is an account called "key" already.')
    expect(await list(away)).toHaveLength(1)
  }, 30_000)

  it('opens with its passphrase only, and whole only', async () => {
    await home.addAccount('key')
    await toFile()
    const wrong = await on(away, ['accounts', 'import', file, '--passphrase-env', 'PASS'], 'another one')
    expect([wrong.code, wrong.err]).toEqual([2, 'The passphrase does not open the file.\n'])
    const text = readFileSync(file, 'utf8')
    const middle = Math.floor(text.length * 0.8)
    const other = text[middle] === 'A' ? 'B' : 'A'
    writeFileSync(file, `${text.slice(0, middle)}${other}${text.slice(middle + 1)}`)
    const damaged = await fromFile()
    expect([damaged.code, damaged.err]).toEqual([2, expect.stringContaining('The file is damaged')])
    writeFileSync(file, text.slice(0, text.length / 2))
    const half = await fromFile()
    expect([half.code, half.err]).toEqual([2, expect.stringMatching(/damaged|not an age file/)])
    expect(await list(away)).toEqual([])
  }, 30_000)

  it('is never written over another one, and not with half a passphrase', async () => {
    await home.addAccount('key')
    writeFileSync(file, 'mine')
    const there = await toFile()
    expect([there.code, there.err]).toEqual([1, `The file ${file} is there already; choose another name.\n`])
    expect(readFileSync(file, 'utf8')).toBe('mine')
    const words = ['accounts', 'export', '--with-credentials', '--output', join(home.directory, 'new.age')]
    const none = await on(home, words)
    expect([none.code, none.err]).toEqual([2, expect.stringContaining('--passphrase-env VARIABLE')])
    const short = await on(home, [...words, '--passphrase-env', 'PASS'], 'short')
    expect([short.code, short.err]).toEqual([2, expect.stringContaining('at least 8 characters')])
    const unset = await on(home, [...words, '--passphrase-env', 'NOBODY'])
    expect([unset.code, unset.err]).toEqual([2, 'The environment variable NOBODY is empty or not set.\n'])
    expect(existsSync(join(home.directory, 'new.age'))).toBe(false)
  }, 30_000)

  it('comes and goes through pipes, too', async () => {
    await home.addAccount('key')
    const exported = await on(home, ['accounts', 'export', '--with-credentials', '--passphrase-env', 'PASS'])
    expect(exported.out).toStartWith('-----BEGIN AGE ENCRYPTED FILE-----\n')
    const imported = await away.run(['accounts', 'import', '-', '--passphrase-env', 'PASS'], {
      input: exported.out.replaceAll('\n', '\r\n'),
      environment: { PASS: PASSPHRASE },
    })
    expect([imported.code, imported.out]).toEqual([0, 'Added the account key.\n'])
  }, 30_000)

  it('of an older version brings its maps as they were, whatever is asked of new ones', async () => {
    const entry = { name: 'old', provider: 'console', apiKey: 'CANARY-old', baseUrl: home.simulator.url }
    const old = { ...entry, priority: 2, modelMap: { opus: 'glm-5.3', 'claude-*': 'never-asked-for' } }
    const text = JSON.stringify({ format: 'spillway-accounts-1', accounts: [old] })
    writeFileSync(file, await encryptWithPassphrase(text, PASSPHRASE))
    expect((await fromFile()).code).toBe(0)
    const [account] = await list(away)
    expect(account).toMatchObject({ name: 'old', priority: 2, modelMap: old.modelMap })
    expect(account).not.toHaveProperty('models')
    expect(account).not.toHaveProperty('maxConcurrent')
  }, 30_000)

  it('of somebody else’s making is not taken for accounts', async () => {
    for (const text of [
      'hello',
      '[]',
      '{"format":"other","accounts":[]}',
      '{"format":"spillway-accounts-1"}',
    ]) {
      writeFileSync(file, await encryptWithPassphrase(text, PASSPHRASE))
      const { code, err } = await fromFile()
      expect([code, err]).toEqual([2, 'The file was opened, but it does not hold accounts of Spillway.\n'])
    }
  }, 30_000)
})

describe('a file without credentials', () => {
  it('brings maps, lists and limits, and of an older version what it has', async () => {
    await home.addAccount('key', ...MODELS)
    const written = (await on(home, ['accounts', 'export'])).json<readonly object[]>()
    const entries = [
      { ...written[0], apiKey: 'CANARY-key' },
      { name: 'old', provider: 'console', apiKey: 'CANARY-old', modelMap: { a: 'b' } },
    ]
    const { code } = await away.run('accounts import -', { input: JSON.stringify(entries) })
    expect(code).toBe(0)
    expect(await list(away)).toMatchObject([
      { name: 'key', modelMap: { a: ['b', 'c'], '*': 'd' }, models: ['b', 'c', 'd*'], maxConcurrent: 4 },
      { name: 'old', modelMap: { a: 'b' } },
    ])
  })

  it('says the terms of a subscription, and goes on with a yes', async () => {
    const entry = { name: 'max', provider: 'claude-oauth', baseUrl: home.simulator.url, apiKeyEnv: 'TOKEN' }
    const options = { input: JSON.stringify([entry]), environment: { TOKEN: 'CANARY-setup' } }
    const refused = await away.run('accounts import -', options)
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('say --accept-terms')])
    const accepted = await away.run('accounts import - --accept-terms', options)
    expect([accepted.code, accepted.out]).toEqual([0, 'Added the account max.\n'])
  })

  it('adds nothing in a dry run', async () => {
    const entry = { name: 'key', provider: 'console', apiKey: 'CANARY-key', baseUrl: home.simulator.url }
    const { code, err } = await away.run('accounts import - --dry-run', { input: JSON.stringify([entry]) })
    expect([code, err]).toEqual([2, expect.stringContaining('Nothing was added.')])
    expect(await list(away)).toEqual([])
  })
})
