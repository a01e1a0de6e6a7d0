/**
 * Signing in by the real command, with a running server and on the data directory itself:
 * the page's address is printed, the code is pasted, and whatever goes wrong is said and
 * told by the exit code.
 */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Account, AccountEvent } from '../src/api/contract.ts'
import { TOKEN_ENDPOINT } from '../src/simulator/logins.ts'
import { html } from '../src/simulator/replies.ts'
import type { Place } from './support/command-line.ts'
import { cleanEnvironment, ROOT } from './support/gateway-process.ts'
import { openSignInPlace, type SignInCommand, signInByCommand, variablesFor } from './support/sign-in.ts'
import { eventually } from './support/world.ts'

let place: Place
afterEach(() => place.stop())

const run = (words: string | readonly string[], environment: Readonly<Record<string, string>> = {}) =>
  place.run(words, { environment: { ...variablesFor(place.simulator), ...environment } })

const list = async (): Promise<readonly Account[]> => (await run('accounts list --json')).json()

const add = (name: string, ...more: readonly string[]): Promise<SignInCommand> =>
  signInByCommand(place, [
    ...['accounts', 'add', name, '--provider', 'claude-oauth', '--base-url', place.simulator.url],
    ...['--accept-terms', ...more],
  ])

/** What serves the account's own test at the provider. */
const keyAtProvider = async (name: string): Promise<string | undefined> => {
  const before = place.simulator.received.length
  expect((await run(['accounts', 'test', name])).code).toBe(0)
  return place.simulator.received.slice(before).at(-1)?.key
}

describe.each([
  ['with a running server', true],
  ['without a server', false],
])('signing in, %s', (_where, isRunning) => {
  beforeEach(async () => {
    place = await openSignInPlace(isRunning)
  })

  it('adds a subscription: the address is printed, the code pasted, the account there for good', async () => {
    const { code, out, err } = await add('max', '--priority', '3', '--plan-only')
    expect([code, out]).toEqual([0, 'Added the account max.\n'])
    expect(err).toContain('Open this page and sign in:')
    expect(err).toContain('paste it here within ten minutes')
    expect(err).toContain('It belongs to Organization 1.')
    expect(await list()).toMatchObject([
      { name: 'max', provider: 'claude-oauth', priority: 3, planOnly: true, tier: 20, plan: 'claude_max' },
    ])
    expect(await keyAtProvider('max')).toBe('CANARY-oat-1')
  })

  it('signs in again: the same account, the new login', async () => {
    await add('max', '--priority', '3')
    const [before] = await list()
    const { code, out } = await signInByCommand(place, ['accounts', 'login', 'max'])
    expect([code, out]).toEqual([0, 'Signed in to the account max.\n'])
    const [after, ...others] = await list()
    expect(others).toEqual([])
    expect(after).toMatchObject({ id: before?.id ?? '', priority: 3, organizationName: 'Organization 2' })
    expect(await keyAtProvider('max')).toBe('CANARY-oat-2')
  })

  it('gives scripts JSON, and nothing else on standard output', async () => {
    const { code, out } = await add('max', '--json', '--no-browser')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ name: 'max', notes: ['It belongs to Organization 1.'] })
  })

  it('makes a key at the console, or keeps the tokens when told to', async () => {
    const made = await add('work', '--mode', 'console')
    expect([made.code, made.err]).toEqual([0, expect.stringContaining('An API key was made and is used')])
    expect(await keyAtProvider('work')).toStartWith('CANARY-key-')
    const kept = await add('seat', '--mode', 'console', '--keep-tokens')
    expect([kept.code, kept.err]).toEqual([0, expect.not.stringContaining('API key')])
    expect(await keyAtProvider('seat')).toStartWith('CANARY-oat-')
  })

  it('asks for a yes to the terms first, and once', async () => {
    const words = ['accounts', 'add', 'max', '--provider', 'claude-oauth', '--base-url', place.simulator.url]
    const refused = await run(words)
    expect([refused.code, refused.out]).toEqual([2, ''])
    expect(refused.err).toContain('Anthropic’s terms say')
    expect(refused.err).toContain('If you have read this and want to go on, say --accept-terms.')
    expect(await list()).toEqual([])
    expect((await add('max')).code).toBe(0)
    const second = await signInByCommand(place, words.with(2, 'second'))
    expect([second.code, second.err]).toEqual([0, expect.not.stringContaining('terms')])
  })

  it('asks the console’s people for no yes', async () => {
    const words = ['accounts', 'add', 'work', '--provider', 'claude-oauth', '--base-url', place.simulator.url]
    const { code, err } = await signInByCommand(place, [...words, '--mode', 'console'])
    expect([code, err]).toEqual([0, expect.not.stringContaining('terms')])
  })

  it.each([
    ['no code', () => '', 2, 'No code was given. Nothing was added.'],
    ['half a code', (code: string) => code.replace(/#.*/, ''), 2, 'The code is not whole'],
    ['another page’s code', (code: string) => code.replace(/#.*/, '#x'), 2, 'its state does not match'],
    ['a wrong code', (code: string) => code.replace(/.*#/, 'wrong#'), 2, 'The code was not accepted'],
  ])('with %s adds nothing and says why', async (_what, spoil, exitCode, words) => {
    const { logins } = place.simulator
    const command = [
      'accounts',
      'add',
      'max',
      '--provider',
      'claude-oauth',
      '--base-url',
      place.simulator.url,
    ]
    const { code, out, err } = await signInByCommand(place, [...command, '--accept-terms'], {
      paste: (url) => spoil(logins.authorize(url)),
    })
    expect([code, out, err]).toEqual([exitCode, '', expect.stringContaining(words)])
    expect(await list()).toEqual([])
  })

  it('that the person denied, or the provider cannot finish, adds nothing', async () => {
    const { logins } = place.simulator
    const command = [
      'accounts',
      'add',
      'max',
      '--provider',
      'claude-oauth',
      '--base-url',
      place.simulator.url,
    ]
    const denied = await signInByCommand(place, [...command, '--accept-terms'], {
      paste: (url) => logins.authorize(url, { deny: true }),
    })
    expect([denied.code, denied.err]).toEqual([1, expect.stringContaining('was not allowed (access_denied)')])
    place.simulator.script(TOKEN_ENDPOINT, html(503))
    const down = await add('max')
    expect([down.code, down.err]).toEqual([1, expect.stringContaining('answered 503')])
    expect(await list()).toEqual([])
  })

  it('to an account that is there, or that is not, or that has a key, is told apart before anybody signs in', async () => {
    await add('max')
    const there = await run(['accounts', 'add', 'max', '--provider', 'claude-oauth'])
    expect([there.code, there.err]).toEqual([1, expect.stringContaining('spillway accounts login max')])
    const nobody = await run('accounts login nobody')
    expect([nobody.code, nobody.err]).toEqual([3, 'There is no account "nobody". There are: max.\n'])
    await place.addAccount('key')
    const key = await run('accounts login key')
    expect([key.code, key.err]).toEqual([1, expect.stringContaining('accounts set key --api-key-stdin')])
  })

  it('is renewed by hand, and what can be renewed is told from what cannot', async () => {
    await add('max')
    place.simulator.logins.setUsage('CANARY-oat-1', { fiveHour: { usedPercent: 42 } })
    const { code, out } = await run('accounts refresh max')
    expect([code, out]).toEqual([0, 'max is up to date.\n'])
    expect(place.simulator.logins.refreshes).toHaveLength(1)
    expect((await run('accounts show max')).out).toMatch(/window 5h +42 % used, resets in 5 h/)
    expect(await keyAtProvider('max')).toBe('CANARY-oat-2')
    await place.addAccount('key')
    const key = await run('accounts refresh key')
    expect([key.code, key.err]).toEqual([
      2,
      expect.stringContaining('There is nothing to refresh: the key of key'),
    ])
    const [{ refreshToken }] = [place.simulator.logins.newest('login-1')]
    place.simulator.logins.revoke(refreshToken)
    const gone = await run('accounts refresh max')
    expect([gone.code, gone.err]).toEqual([1, expect.stringContaining('spillway accounts login max')])
    const shown = await run('accounts show max')
    expect(shown.out).toMatch(/state +needs-login/)
    expect(shown.out).toMatch(/what to do +Sign in again with "spillway accounts login max"/)
    expect(shown.out).toMatch(/WHEN +WHAT +SCOPE +EVIDENCE\n.* ago +needs-login/)
    const { events } = (await run('accounts show max --json')).json<{ events: readonly AccountEvent[] }>()
    expect(events[0]).toMatchObject({ kind: 'needs-login' })
    expect((await run('accounts list')).err).toContain('max: Sign in again')
  })
})

describe('on a terminal of 80 columns', () => {
  beforeEach(async () => {
    place = await openSignInPlace(false)
  })

  it('the list says in whole words how each account stands, and how much of its plan is used', async () => {
    await add('personal-max-account')
    await add('other')
    const { logins } = place.simulator
    logins.setUsage('CANARY-oat-1', { fiveHour: { usedPercent: 42 }, sevenDayFable: { usedPercent: 100 } })
    await run('accounts refresh personal-max-account')
    logins.revoke('CANARY-ort-2')
    await run('accounts refresh other')
    const lines = (await onTerminal(['accounts', 'list'])).split('\n')
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
    expect(lines[1]).toMatch(/^personal-max-account .*ready .*7d_fable 100 %/)
    expect(lines[2]).toMatch(/^other .*needs-login .*the .*…$/)
    expect(lines[3]).toBe('other: Sign in again with "spillway accounts login other".')
  })
})

/** What a person sees, without the colours. */
async function onTerminal(words: readonly string[]): Promise<string> {
  let shown = ''
  const decoder = new TextDecoder()
  const child = Bun.spawn(['node', join(ROOT, 'bin', 'spillway.mjs'), ...words], {
    env: cleanEnvironment(place.directory, { SPILLWAY_DATA_DIR: place.dataDirectory, NO_COLOR: '1' }),
    terminal: {
      cols: 80,
      rows: 24,
      data(_terminal, bytes) {
        shown += decoder.decode(bytes, { stream: true })
      },
    },
  })
  await child.exited
  await eventually(() => (shown.includes('\n') ? true : undefined), 'the command’s output')
  child.terminal?.close()
  return shown.replaceAll('\r\n', '\n')
}

describe('the browser', () => {
  beforeEach(async () => {
    place = await openSignInPlace(false)
  })

  it('is opened where there is a screen, and not when it was not wanted', async () => {
    const directory = join(place.directory, 'bin')
    mkdirSync(directory)
    const opener = join(directory, 'xdg-open')
    const seen = join(place.directory, 'seen')
    writeFileSync(opener, `#!/bin/sh\nprintf %s "$1" > "${seen}"\n`)
    chmodSync(opener, 0o700)
    const environment = { PATH: `${directory}:${process.env.PATH}`, DISPLAY: ':9' }
    const words = ['accounts', 'add', 'max', '--provider', 'claude-oauth', '--base-url', place.simulator.url]
    const quiet = await signInByCommand(place, [...words, '--accept-terms', '--no-browser'], { environment })
    expect([quiet.code, quiet.err]).toEqual([0, expect.stringContaining('Open this page')])
    expect(existsSync(seen)).toBe(false)
    const shown = await signInByCommand(place, ['accounts', 'login', 'max'], { environment })
    expect([shown.code, shown.err]).toEqual([0, expect.stringContaining('has been opened in your browser')])
    const address = await eventually(async () => {
      const text = existsSync(seen) ? await Bun.file(seen).text() : ''
      return text === '' ? undefined : text
    }, 'the page to be opened')
    expect(address).toBe(shown.authUrl ?? '')
  })
})
