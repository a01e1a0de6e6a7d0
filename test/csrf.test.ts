/**
 * What a page of another site can make a browser send (threat 2): method × content type ×
 * Origin × Sec-Fetch-Site × credential. With a cookie nothing is changed but by JSON that says
 * it comes from our own page; without one nothing at all is.
 */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { type Browser, signedIn } from './support/browser.ts'
import { exchange } from './support/raw-answer.ts'
import { openWorld, type World } from './support/world.ts'

let world: World
let owner: Browser
beforeAll(async () => {
  world = await openWorld()
  owner = await signedIn(world, 'owner')
})
afterAll(() => world.stop())

const METHODS = [
  ['POST', '/api/accounts/a/priority', '{"priority":9}'],
  ['POST', '/api/accounts/a/pause', ''],
  ['POST', '/api/sign-out', ''],
  ['POST', '/api/sign-in-links', '{}'],
  ['PATCH', '/api/config', '{"strategy":"session"}'],
  ['PATCH', '/api/users/owner', '{"disabled":true}'],
  ['DELETE', '/api/accounts/a', ''],
  ['DELETE', '/api/users/owner', ''],
] as const
const TYPES = [
  undefined,
  'application/json',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
]
const ORIGINS = [undefined, 'own', 'null', 'http://evil.example', 'http://127.0.0.1:1', 'https://127.0.0.1']
const SITES = [undefined, 'same-origin', 'same-site', 'cross-site', 'none']
const CREDENTIALS = ['cookie', 'wrong cookie', 'none'] as const

interface Attack {
  readonly type: string | undefined
  readonly origin: string | undefined
  readonly site: string | undefined
  readonly credential: (typeof CREDENTIALS)[number]
}

const ATTACKS: readonly Attack[] = TYPES.flatMap((type) =>
  ORIGINS.flatMap((origin) =>
    SITES.flatMap((site) => CREDENTIALS.map((credential) => ({ type, origin, site, credential }))),
  ),
)

/** Ours is JSON, with a cookie, from our own origin or said by the browser to be of ours. */
function isOurs({ type, origin, site, credential }: Attack): boolean {
  if (credential !== 'cookie' || type !== 'application/json') return false
  if (origin === undefined) return site === 'same-origin' || site === 'none'
  // The scheme may be that of a proxy with TLS in front of us.
  return origin === 'own' || origin === 'https://127.0.0.1'
}

function headersOf({ type, origin, site, credential }: Attack): readonly string[] {
  const { host } = new URL(world.url)
  const secret = owner.cookies.get('spillway_session')
  const spelled = origin === 'own' ? world.url : origin?.replace('https://127.0.0.1', `https://${host}`)
  return [
    `host: ${host}`,
    ...(type === undefined ? [] : [`content-type: ${type}`]),
    ...(spelled === undefined ? [] : [`origin: ${spelled}`]),
    ...(site === undefined ? [] : [`sec-fetch-site: ${site}`]),
    ...(credential === 'cookie' ? [`cookie: spillway_session=${secret}`] : []),
    ...(credential === 'wrong cookie' ? [`cookie: spillway_session=${secret}x`] : []),
  ]
}

const state = async (): Promise<string> =>
  JSON.stringify([
    await world.api.listAccounts(),
    await world.api.showConfig(),
    await world.api.listUsers(),
    (await world.api.listSignIns()).signIns.length,
    await world.api.listAudit({ query: {} }),
  ])

describe('a call that some page makes', () => {
  it('is tried in every combination', () => {
    expect(ATTACKS).toHaveLength(450)
    expect(ATTACKS.filter(isOurs)).toHaveLength(12)
  })

  it.each(METHODS)('changes nothing unless it is our own: %s %s', async (method, path, body) => {
    const before = await state()
    for (const attack of ATTACKS.filter((each) => !isOurs(each))) {
      const lines = [...headersOf(attack), `content-length: ${body.length}`]
      const { status } = await exchange(
        world.url,
        `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`,
      )
      const expected = attack.credential === 'cookie' ? [403] : [401, 403]
      expect({ attack, isRefused: expected.includes(status), status }).toEqual({
        attack,
        isRefused: true,
        status,
      })
    }
    expect(await state()).toBe(before)
  })

  it('is served when it is our own', async () => {
    for (const attack of ATTACKS.filter(isOurs)) {
      const body = '{"priority":9}'
      const lines = [...headersOf(attack), `content-length: ${body.length}`]
      const text = `POST /api/accounts/a/priority HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`
      expect({ attack, status: (await exchange(world.url, text)).status }).toEqual({ attack, status: 200 })
    }
  })

  it('reads nothing from another site either', async () => {
    for (const attack of ATTACKS.filter(({ credential }) => credential === 'cookie')) {
      const { status } = await exchange(
        world.url,
        `GET /api/accounts HTTP/1.1\r\n${headersOf(attack).join('\r\n')}\r\n\r\n`,
      )
      const { origin, site } = attack
      const isForeign =
        origin === undefined ? site === 'same-site' || site === 'cross-site' : !/own|https/.test(origin)
      expect({ attack, status }).toEqual({ attack, status: isForeign ? 403 : 200 })
    }
  })
})
