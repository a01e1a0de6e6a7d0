/** People with passwords: added, changed, let in and shut out; attempts that are limited; owners that stay. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { openBrowser, passwordOf, signedIn } from './support/browser.ts'
import { openWorld, type World } from './support/world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(() => world.stop())

const add = (name: string, role: 'owner' | 'operator' | 'viewer' = 'owner') =>
  world.api.addUser({ body: { name, role, password: passwordOf(name) } })

interface SignInAnswer {
  readonly [field: string]: unknown
  readonly error?: { readonly message: string }
}

const signIn = async (
  name: string,
  password = passwordOf(name),
  more: Readonly<Record<string, string>> = {},
) => {
  const answer = await fetch(`${world.url}/api/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...more },
    body: JSON.stringify({ name, password }),
  })
  return {
    status: answer.status,
    cookie: answer.headers.getSetCookie()[0],
    answer: (await answer.json()) as SignInAnswer,
  }
}

describe('a user', () => {
  it('is added, listed and changed, and nothing of the password is ever shown', async () => {
    const added = await add('ann', 'operator')
    expect(added).toEqual({
      id: expect.any(String),
      name: 'ann',
      role: 'operator',
      createdAt: expect.any(String),
    })
    expect(await world.api.listUsers()).toEqual({ users: [added] })
    const changed = await world.api.changeUser({
      params: { id: 'ann' },
      body: { name: 'anna', role: 'viewer' },
    })
    expect(changed).toEqual({ ...added, name: 'anna', role: 'viewer' })
    expect(JSON.stringify([added, changed, await world.api.listAudit({ query: {} })])).not.toMatch(
      /argon2|CANARY/,
    )
  })

  it('is signed in with a name and a password', async () => {
    await add('ann', 'viewer')
    const { status, answer, cookie } = await signIn('ann')
    expect([status, cookie]).toEqual([200, expect.stringContaining('HttpOnly')])
    expect(answer).toEqual({
      id: expect.any(String),
      name: 'ann',
      role: 'viewer',
      way: 'password',
      expiresAt: expect.any(String),
    })
  })

  it.each([
    ['a wrong password', 'ann', 'CANARY-wrong-password'],
    ['no such name', 'eve', passwordOf('ann')],
    ['a name in another case', 'ANN', passwordOf('ann')],
    ['SQL for a name', "' or 1=1 --", passwordOf('ann')],
  ])('is not signed in with %s', async (_what, name, password) => {
    await add('ann')
    const { status, answer, cookie } = await signIn(name, password)
    expect([status, answer.error?.message, cookie]).toEqual([
      401,
      'The name or the password is wrong.',
      undefined,
    ])
  })

  it.each([
    ['a short password', { password: 'too short' }, 'password'],
    ['an endless password', { password: 'x'.repeat(257) }, 'password'],
    ['a role that there is not', { role: 'root' }, 'role'],
    ['a key’s role', { role: 'key-holder' }, 'role'],
    ['a name that a path cannot hold', { name: 'a/b' }, 'name'],
    ['a name that steers a terminal', { name: 'a\u001b[2J' }, 'name'],
    ['a field that is not known', { isAdmin: true }, 'isAdmin'],
  ])('is not made with %s', async (_what, wrong, path) => {
    const body = { name: 'ann', role: 'owner', password: passwordOf('ann'), ...wrong }
    const answer = await world.admin('/api/users', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: { details: [{ path }] } })
    expect(await world.api.listUsers()).toEqual({ users: [] })
  })

  it('is not polluted by what JSON may carry', async () => {
    await world.admin('/api/users', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"__proto__":{"role":"owner"},"constructor":{"prototype":{"role":"owner"}},"name":"x"}',
    })
    expect(({} as { readonly role?: string }).role).toBeUndefined()
  })

  it('has a name of their own', async () => {
    await add('ann')
    await add('bob')
    await expect(add('ann')).rejects.toMatchObject({ code: 'conflict' })
    await expect(
      world.api.changeUser({ params: { id: 'bob' }, body: { name: 'ann' } }),
    ).rejects.toMatchObject({
      code: 'conflict',
    })
  })
})

describe('who is signed in', () => {
  it.each([
    ['removed', (name: string) => world.api.removeUser({ params: { id: name } })],
    ['disabled', (name: string) => world.api.changeUser({ params: { id: name }, body: { disabled: true } })],
    [
      'given another role',
      (name: string) => world.api.changeUser({ params: { id: name }, body: { role: 'viewer' } }),
    ],
    [
      'given another password',
      (name: string) =>
        world.api.changeUser({ params: { id: name }, body: { password: 'CANARY-another-one' } }),
    ],
  ])('is signed out at once when they are %s, with the links they made', async (_what, act) => {
    await add('boss')
    const [browser, other] = [await signedIn(world, 'owner'), await signedIn(world, 'viewer')]
    const made = await browser.send('POST', '/api/sign-in-links', {})
    const { url } = (await made.json()) as { readonly url: string }
    const token = url.split('#')[1]
    await act('owner')
    expect((await browser.ask('/api/whoami')).status).toBe(401)
    expect((await other.ask('/api/whoami')).status).toBe(200)
    const guest = openBrowser(() => world.url)
    expect((await guest.send('POST', '/api/sign-in/link', { token })).status).toBe(401)
  })

  it('does not come back with being let in again, or with the old role', async () => {
    await add('boss')
    const browser = await signedIn(world, 'owner')
    const params = { id: 'owner' }
    await world.api.changeUser({ params, body: { disabled: true } })
    await world.api.changeUser({ params, body: { disabled: false } })
    expect((await browser.ask('/api/whoami')).status).toBe(401)
    const again = await signedIn(world, 'viewer')
    for (const role of ['operator', 'viewer'] as const)
      await world.api.changeUser({ params: { id: 'viewer' }, body: { role } })
    expect((await again.ask('/api/whoami')).status).toBe(401)
  })

  it('stays so when only their name changes', async () => {
    await add('boss')
    const browser = await signedIn(world, 'owner')
    await world.api.changeUser({ params: { id: 'owner' }, body: { name: 'chief' } })
    expect((await browser.ask('/api/whoami')).status).toBe(200)
  })
})

describe('the last owner', () => {
  it('cannot be removed, disabled or made less, until there is another', async () => {
    await add('ann')
    await add('bob', 'operator')
    const params = { id: 'ann' }
    for (const attempt of [
      () => world.api.removeUser({ params }),
      () => world.api.changeUser({ params, body: { disabled: true } }),
      () => world.api.changeUser({ params, body: { role: 'viewer' } }),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: 'conflict' })
    expect((await signIn('ann')).status).toBe(200)
    await world.api.changeUser({ params: { id: 'bob' }, body: { role: 'owner' } })
    await world.api.removeUser({ params })
    expect((await signIn('ann')).status).toBe(401)
  })
})

describe('guessing passwords (threat 31)', () => {
  it('is limited, whatever a forwarding header says, and the token goes on working', async () => {
    await add('ann')
    const codes = []
    for (let n = 0; n < 15; n++)
      codes.push((await signIn('ann', 'CANARY-wrong-password', { 'x-forwarded-for': `192.0.2.${n}` })).status)
    expect(codes).toEqual([...Array.from({ length: 10 }, () => 401), ...Array.from({ length: 5 }, () => 429)])
    expect((await signIn('ann')).status).toBe(429)
    expect((await world.admin('/api/users')).status).toBe(200)
    const link = openBrowser(() => world.url)
    const { url } = await world.api.createSignInLink()
    expect((await link.send('POST', '/api/sign-in/link', { token: url.split('#')[1] })).status).toBe(200)
  })

  it('does not make anybody else wait: argon2 works beside the event loop', async () => {
    await add('ann')
    const guesses = Promise.all(Array.from({ length: 10 }, () => signIn('ann', 'CANARY-wrong-password')))
    let isDone = false
    const done = guesses.then(() => {
      isDone = true
    })
    for (let n = 0; n < 3; n++) expect((await world.ask()).status).toBe(200)
    expect(isDone).toBe(false)
    await done
  })
})
