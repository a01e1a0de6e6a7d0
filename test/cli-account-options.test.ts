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
    [['--model-map', 'opus'], '"opus" is not of the form FROM=TO.'],
    [['--model-map', 'opus=a,,b'], '"opus=a,,b" names a model that has no name.'],
    [['--model-map', 'claude-opus-*=a'], 'Did you mean "opus"?'],
    [['--model-map', 'opus=a', '--model', 'b'], 'Did you mean "b"?'],
    [['--max-concurrent', '0'], '"maxConcurrent"'],
    [['--max-concurrent', '10001'], '"maxConcurrent"'],
    [['--clear-groups', '--group', 'g'], "cannot be used with option '--group"],
    [['--clear-model-map', '--model-map', 'a=b'], "cannot be used with option '--model-map"],
    [['--all-models', '--model', 'a'], "cannot be used with option '--model"],
    [['--clear-base-url', '--base-url', 'http://127.0.0.1:1'], "cannot be used with option '--base-url"],
    [['--unlimited-concurrency', '--max-concurrent', '4'], "cannot be used with option '--max-concurrent"],
  ])('is not changed with %p, and it is said why', async (words, sentence) => {
    await place.addAccount('work')
    const { code, out, err } = await set(...words)
    expect([code, out, err]).toEqual([2, '', expect.stringContaining(sentence)])
    expect(await show('work')).toMatchObject({ headers: [], priority: 0, modelMap: {}, groups: [] })
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

describe('what an account serves', () => {
  it('is said when it is added: maps with alternatives, models, requests at once', async () => {
    const words = ['accounts', 'add', 'work', '--provider', 'console', '--base-url', place.simulator.url]
    const maps = ['--model-map', 'opus=a, b', '--model-map', '*=c', '--model-map', 'opus=d']
    const rest = ['--model', 'a', '--model', 'b', '--model', 'c*', '--model', 'd', '--max-concurrent', '4']
    const { code } = await place.run([...words, ...maps, ...rest, '--api-key-stdin'], { input: 'CANARY-key' })
    expect(code).toBe(0)
    const shown = { modelMap: { opus: ['a', 'b', 'd'], '*': 'c' }, models: ['a', 'b', 'c*', 'd'] }
    expect(await show('work')).toMatchObject({ ...shown, maxConcurrent: 4 })
    const { out } = await place.run('accounts show work')
    expect(out).toMatch(/model map +opus → a or b or d, \* → c\n/)
    expect(out).toMatch(/serves only +a, b, c\*, d\n/)
    expect(out).toMatch(/requests at once +4\n/)
  })

  it('is taken back bit by bit, and so are groups and the base URL', async () => {
    await place.addAccount('work')
    const words = '--model-map opus=a --model a --max-concurrent 4 --group g'
    expect((await set(...words.split(' '))).code).toBe(0)
    for (const [option, field, empty] of TAKEN_BACK) {
      const before = await show('work')
      expect((await set(option)).code).toBe(0)
      const { [field]: _, ...rest } = before
      const after = empty === undefined ? rest : { ...rest, [field]: empty }
      expect(await show('work')).toEqual(after as Account)
    }
  })

  it('may be a name that the provider is not known for; it is said, and done', async () => {
    const words = 'accounts add glm --provider zai --api-key-stdin --model-map opus=gml-5.3'
    const added = await place.run(words, { input: 'CANARY-key' })
    expect([added.code, added.out]).toEqual([0, 'Added the account glm.\n'])
    expect(added.err).toContain('modelMap.opus: "gml-5.3" is not among the models that Spillway knows of zai')
    expect(added.err).toContain('Did you mean "glm-5.3"?')
    const right = await place.run('accounts set glm --model-map opus=glm-5.3')
    expect([right.code, right.err]).toEqual([0, ''])
    const wrong = await place.run('accounts set glm --model-map opus=gml-5.3')
    expect([wrong.code, wrong.err]).toEqual([0, expect.stringContaining('Did you mean "glm-5.3"?')])
    const json = await place.run('accounts set glm --model-map opus=gml-5.3 --json')
    expect([json.err, json.json()]).toMatchObject(['', { notes: [expect.stringContaining('modelMap.opus')] }])
  })
})

const TAKEN_BACK: readonly (readonly [string, keyof Account, unknown])[] = [
  ['--clear-model-map', 'modelMap', {}],
  ['--all-models', 'models', undefined],
  ['--unlimited-concurrency', 'maxConcurrent', undefined],
  ['--clear-groups', 'groups', []],
  ['--clear-base-url', 'baseUrl', undefined],
]
