/** `accounts add` and `accounts set` by the real command: how an account's requests leave, and what is said of a plan. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import type { Account } from '../src/api/contract.ts'
import { openPlace, type Place } from './support/command-line.ts'

let place: Place
beforeEach(async () => {
  place = await openPlace(true)
})
afterEach(() => place.stop())

const PROXY = 'http://CANARY-user:CANARY-pass@127.0.0.1:9'

const show = async (name: string): Promise<Account> =>
  (await place.run(['accounts', 'show', name, '--json'])).json()

const set = (...more: readonly string[]) => place.run(['accounts', 'set', 'work', ...more])

describe('an account', () => {
  it('is added with a proxy from the environment, headers and its plan alone; none of it is shown whole', async () => {
    const words = ['accounts', 'add', 'work', '--provider', 'console', '--base-url', place.simulator.url]
    const { code } = await place.run(
      [
        ...[...words, '--api-key-stdin', '--plan-only', '--proxy', 'env:MY_PROXY'],
        ...['--header', 'X-Team=a=b', '--header', 'x-cost-centre=42'],
      ],
      { input: 'CANARY-key', environment: { MY_PROXY: `${PROXY}\n` } },
    )
    expect(code).toBe(0)
    const shown = { proxy: 'http://127.0.0.1:9', headers: ['x-team', 'x-cost-centre'], planOnly: true }
    expect(await show('work')).toMatchObject(shown)
    const { out } = await place.run('accounts show work')
    expect(out).toMatch(/proxy +http:\/\/127\.0\.0\.1:9\n/)
    expect(out).toMatch(/added headers +x-team, x-cost-centre\n/)
    expect(out).toMatch(/plan only +yes/)
    expect((await place.run('status')).out).not.toContain('CANARY')
  })

  it('gets another way out, and loses it again', async () => {
    await place.addAccount('work')
    const change = await place.run('accounts set work --proxy env:P --header x-team=blue --plan-only', {
      environment: { P: PROXY },
    })
    expect(change.code).toBe(0)
    expect(await show('work')).toMatchObject({
      proxy: 'http://127.0.0.1:9',
      headers: ['x-team'],
      planOnly: true,
    })
    await set('--priority', '2')
    expect(await show('work')).toMatchObject({
      proxy: 'http://127.0.0.1:9',
      headers: ['x-team'],
      planOnly: true,
    })
    expect((await set('--clear-proxy')).code).toBe(0)
    expect(await show('work')).not.toHaveProperty('proxy')
    expect((await set('--clear-headers', '--no-plan-only')).code).toBe(0)
    expect(await show('work')).toMatchObject({ headers: [], planOnly: false })
    await place.world.ask()
    const [sent] = place.simulator.requestsOf('CANARY-work')
    expect(sent?.headers.some(([name]) => name === 'x-team')).toBe(false)
  })

  it.each([
    [['--proxy', 'env:NOBODY'], 'The environment variable NOBODY is empty or not set.'],
    [['--proxy', 'https://p:1'], 'A proxy is not spoken to over TLS'],
    [['--proxy', 'p:1'], 'A proxy is written http://host:port'],
    [['--header', 'user-agent=x'], 'user-agent says which client'],
    [['--header', 'Host=x'], 'host is set by the gateway'],
    [['--header', 'x-team'], '"x-team" is not of the form'],
    [['--header', 'x team=1'], '"x team" is not a header’s name'],
    [['--priority', '5000'], '"priority"'],
    [['--tier', '-1'], '"tier"'],
    [['--weight', 'NaN'], 'It is not a number.'],
  ])('is not changed with %p, and it is said why', async (words, sentence) => {
    await place.addAccount('work')
    const { code, out, err } = await set(...words)
    expect([code, out, err]).toEqual([2, '', expect.stringContaining(sentence)])
    expect(await show('work')).toMatchObject({ headers: [], priority: 0 })
  })

  it.each(['__proto__', 'constructor'])(
    'may be told to add the header %s, or not; it does no harm',
    async (name) => {
      await place.addAccount('work')
      const { code } = await set('--header', `${name}=x`)
      expect([0, 2]).toContain(code)
      expect((await place.world.ask()).status).toBe(200)
    },
  )
})
