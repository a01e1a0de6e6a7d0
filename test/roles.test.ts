/**
 * Every row of the contract's tables, without and with each role: who lacks the role gets 401 or
 * 403 and nothing is changed; who has it is let in. The table is the test's source, so a new
 * row is tested when it is written.
 */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { fileRoutes, plainRoutes, routes, streams } from '../src/api/contract.ts'
import { pageRoutes } from '../src/api/door-routes.ts'
import type { Route } from '../src/api/route.ts'
import { isAllowed, type Role } from '../src/core/role.ts'
import { type Browser, openBrowser, signedIn } from './support/browser.ts'
import { openWorld, type World } from './support/world.ts'

interface Row {
  readonly method: string
  readonly path: string
  readonly role: Role | 'anybody'
  readonly hasBody: boolean
}

const ROWS: readonly Row[] = [
  ...Object.values<Route>(routes).map(({ method, path, role, body }) => ({
    method,
    path: path.replace(/:\w+/g, 'nobody'),
    role,
    hasBody: body !== undefined,
  })),
  ...Object.values({ ...plainRoutes, ...fileRoutes, ...streams }).map(({ path, role }) => ({
    method: 'GET',
    path: path.replace(/:\w+/g, 'nobody'),
    role,
    hasBody: false,
  })),
]
/** Comes last: it would end the sign-in that the others are tested with. */
const SIGN_OUT = '/api/sign-out'
const TESTED = ROWS.filter(({ path }) => path !== SIGN_OUT)
const ROLES = ['viewer', 'operator', 'owner'] as const

let world: World
let stranger: Browser
const people = new Map<Role, Browser>()

beforeAll(async () => {
  world = await openWorld()
  stranger = openBrowser(() => world.url)
  for (const role of ROLES) people.set(role, await signedIn(world, role))
})
afterAll(() => world.stop())

/** With a body that no route takes: that it is refused for that shows that its caller was not. */
async function call(browser: Browser, { method, path, hasBody }: Row): Promise<number> {
  const leaving = new AbortController()
  const answer = await browser.ask(path, {
    method,
    headers: method === 'GET' ? {} : { 'content-type': 'application/json', origin: world.url },
    ...(hasBody ? { body: '{"nonsense":{}}' } : {}),
    signal: leaving.signal,
  })
  const isStream = answer.headers.get('content-type')?.startsWith('text/event-stream') === true
  if (!isStream) await answer.arrayBuffer()
  else leaving.abort()
  return answer.status
}

const state = async (): Promise<string> =>
  JSON.stringify([
    await world.api.listAccounts(),
    await world.api.listKeys(),
    await world.api.showConfig(),
    await world.api.listUsers(),
    (await world.api.listSignIns()).signIns.map(({ id }) => id),
    await world.api.listAudit({ query: { limit: 1 } }),
  ])

it('finds rows of every role to test', () => {
  expect(TESTED.length).toBeGreaterThan(40)
  for (const role of ROLES) expect(TESTED.some((row) => row.role === role)).toBe(true)
})

describe('without a sign-in', () => {
  it.each(TESTED.filter(({ role }) => role !== 'anybody'))('$method $path is not served', async (row) => {
    expect(await call(stranger, row)).toBe(401)
  })
})

describe.each(ROLES)('the role %s', (role) => {
  const rows = TESTED.filter((row) => row.role !== 'anybody')
  const mine = rows.filter((row) => row.role !== 'anybody' && isAllowed(role, row.role))
  const others = rows.filter((row) => !mine.includes(row))
  const browser = (): Browser => people.get(role) ?? stranger

  it.each(others)('may not $method $path, and it changes nothing', async (row) => {
    const before = await state()
    expect(await call(browser(), row)).toBe(403)
    expect(await state()).toBe(before)
  })

  it.each(mine)('may $method $path', async (row) => {
    expect(await call(browser(), row)).not.toBeOneOf([401, 403, 500])
  })

  it('may sign out, and is nobody from then on', async () => {
    expect((await browser().send('POST', SIGN_OUT)).status).toBe(200)
    expect((await browser().ask('/api/whoami')).status).toBe(401)
  })
})

describe('a page', () => {
  it.each(Object.values(pageRoutes).map(({ path }) => path))('%s shows nobody anything', async (path) => {
    const answer = await stranger.ask(path)
    expect(answer.status).toBeOneOf([200, 303, 400, 404])
    expect(await answer.text()).not.toMatch(/CANARY|spa_|baseUrl/)
  })
})
