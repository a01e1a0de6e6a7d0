/** Signing in with a browser by a one-time link: the way in, what the browser is given, the way out. */
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pageRoutes } from '../src/api/door-routes.ts'
import { isPage } from '../src/api/page-paths.ts'
import { type Browser, openBrowser } from './support/browser.ts'
import { createCertificate } from './support/certificates.ts'
import { openWorld, type World } from './support/world.ts'

let world: World
let browser: Browser
const open = async (settings: Readonly<Record<string, unknown>> = {}): Promise<void> => {
  world = await openWorld({ settings })
  browser = openBrowser(() => world.url)
}
afterEach(() => world.stop())

const newToken = async (): Promise<string> => (await world.api.createSignInLink()).url.split('#')[1] ?? ''
const useLink = (token: string): Promise<Response> => browser.send('POST', '/api/sign-in/link', { token })
const isIn = async (): Promise<boolean> => (await browser.ask('/api/accounts')).status === 200

describe('a one-time link', () => {
  beforeEach(() => open())

  it('signs a browser in with everything that an owner may, and names who made it', async () => {
    const answer = await useLink(await newToken())
    expect(await answer.json()).toMatchObject({ name: 'admin token (link)', role: 'owner', way: 'link' })
    expect(await isIn()).toBe(true)
    expect(await (await browser.ask('/api/whoami')).json()).toMatchObject({ role: 'owner', way: 'link' })
  })

  it('works once', async () => {
    const token = await newToken()
    const both = await Promise.all([
      useLink(token),
      openBrowser(() => world.url).send('POST', '/api/sign-in/link', { token }),
    ])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 401])
  })

  it('is used up by nothing that only looks at it', async () => {
    const token = await newToken()
    for (const path of [
      `/sign-in#${token}`,
      `/sign-in?token=${token}`,
      `/api/sign-in/link?token=${token}`,
      '/dashboard',
    ])
      for (const method of ['GET', 'HEAD']) await fetch(`${world.url}${path}`, { method, redirect: 'manual' })
    expect((await useLink(token)).status).toBe(200)
  })

  it('does not outlive the gateway that made it', async () => {
    const token = await newToken()
    await world.restart()
    expect((await useLink(token)).status).toBe(401)
  })

  it('is in no log and no file', async () => {
    const token = await newToken()
    await useLink(token)
    const secret = browser.cookies.get('spillway_session') ?? 'none'
    expect(secret).toStartWith('sps_')
    const files = new Bun.Glob('**').scanSync(world.dataDirectory)
    const texts = await Promise.all(
      [...files].map((file) => Bun.file(join(world.dataDirectory, file)).text()),
    )
    for (const text of [world.log(), ...texts]) {
      expect(text.includes(token)).toBe(false)
      expect(text.includes(secret)).toBe(false)
    }
  })
})

describe('the cookie', () => {
  it('goes to no script and no other site', async () => {
    await open()
    await useLink(await newToken())
    expect(browser.setCookies).toEqual([
      expect.stringMatching(
        /^spillway_session=sps_[\w-]{43}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Strict$/,
      ),
    ])
  })

  it('is bound to the host where the page came over HTTPS', async () => {
    await open({ allowedOrigins: 'https://gateway.example' })
    const answer = await fetch(`${world.url}/api/sign-in/link`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: 'https://gateway.example' },
      body: JSON.stringify({ token: await newToken() }),
    })
    expect(answer.headers.getSetCookie()[0]).toMatch(/^__Host-spillway_session=.*; Secure$/)
  })

  it('opens nothing under /v1, and no key is found in it', async () => {
    await open({ requireKeys: 'always' })
    await useLink(await newToken())
    const answer = await browser.send('POST', '/v1/messages', {
      model: 'claude-sonnet-5-5',
      max_tokens: 1,
      messages: [],
    })
    expect(answer.status).toBe(401)
    expect(world.simulator.received).toEqual([])
  })

  it('does not make a wrong token good', async () => {
    await open()
    await useLink(await newToken())
    const answer = await browser.ask('/api/accounts', { headers: { authorization: 'Bearer spa_wrong' } })
    expect(answer.status).toBe(401)
  })

  it('that has ended is met with 401 for as often as it is tried, never with a limit', async () => {
    await open()
    await useLink(await newToken())
    const [{ id = '' } = {}] = (await world.api.listSignIns()).signIns
    await world.api.endSignIn({ params: { id } })
    for (let n = 0; n < 50; n++) expect((await browser.ask('/api/accounts')).status).toBe(401)
  })
})

describe('a sign-in', () => {
  beforeEach(() => open())

  it('lasts over a restart', async () => {
    await useLink(await newToken())
    await world.restart()
    expect(await isIn()).toBe(true)
  })

  it('ends with signing out, for good', async () => {
    await useLink(await newToken())
    const cookie = `spillway_session=${browser.cookies.get('spillway_session')}`
    expect((await browser.send('POST', '/api/sign-out')).status).toBe(200)
    expect(browser.cookies.size).toBe(0)
    for (const again of [false, true]) {
      if (again) await world.restart()
      expect((await fetch(`${world.url}/api/accounts`, { headers: { cookie } })).status).toBe(401)
    }
  })

  it('is listed and can be ended by an owner', async () => {
    await useLink(await newToken())
    const { signIns } = await world.api.listSignIns()
    expect(signIns).toEqual([
      {
        id: expect.any(String),
        name: 'admin token (link)',
        role: 'owner',
        way: 'link',
        peer: '127.0.0.1',
        createdAt: expect.any(String),
        usedAt: expect.any(String),
        expiresAt: expect.any(String),
        isThis: false,
      },
    ])
    const mine = await (await browser.ask('/api/sign-ins')).json()
    expect(mine).toMatchObject({ signIns: [{ isThis: true }] })
    await world.api.endSignIn({ params: { id: signIns[0]?.id ?? '' } })
    expect(await isIn()).toBe(false)
    await expect(world.api.endSignIn({ params: { id: 'nobody' } })).rejects.toMatchObject({
      code: 'not-found',
    })
  })

  it('is not what a token is: there is nothing to sign out of', async () => {
    await expect(world.api.signOut()).rejects.toMatchObject({ code: 'bad-request' })
  })
})

describe('the pages', () => {
  beforeEach(() => open())

  it('lead to the sign-in, and show who is signed in', async () => {
    const before = await browser.ask('/dashboard')
    expect([before.status, before.headers.get('location')]).toEqual([303, '/sign-in'])
    await useLink(await newToken())
    const after = await browser.ask('/dashboard')
    expect(await after.text()).toContain('<strong>admin token (link)</strong> (owner)')
  })

  it('may be come to from another site, which nothing else may', async () => {
    expect((await browser.follow(`${world.url}/dashboard`)).status).toBe(303)
    expect((await browser.follow(`${world.url}/sign-in`)).status).toBe(200)
    for (const path of ['/api/accounts', '/api/whoami', '/api/sign-in/oidc', '/metrics', '/v1/models'])
      expect((await browser.follow(`${world.url}${path}`)).status).toBe(403)
  })

  it('are in no frame of another site, and are fetched by none', async () => {
    for (const dest of ['iframe', 'embed', 'image', 'empty']) {
      const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': dest }
      expect((await fetch(`${world.url}/sign-in`, { headers })).status).toBe(403)
    }
  })

  it('that others may lead to are pages of the contract', () => {
    const paths = Object.values(pageRoutes).map(({ path }) => path)
    expect(paths.filter(isPage)).toEqual(['/sign-in', '/dashboard', '/api/sign-in/oidc/callback'])
  })

  it.each(['/sign-in', '/dashboard', '/api/sign-in/oidc'])(
    'run nothing that is not ours: %s',
    async (path) => {
      await useLink(await newToken())
      const answer = await browser.ask(path)
      const page = await answer.text()
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'")
      expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
      expect(page).not.toMatch(/<script>|<script [^>]*>[^<]|\son\w+=|<style|\sstyle=|javascript:/)
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      })
    },
  )

  it('show a name as a text, whatever it is', async () => {
    const name = `<img src=x onerror=alert(1)>"'&`
    await world.api.addUser({
      body: { name: name.slice(0, 64), role: 'viewer', password: 'CANARY-of-the-image' },
    })
    await browser.send('POST', '/api/sign-in', { name, password: 'CANARY-of-the-image' })
    const page = await (await browser.ask('/dashboard')).text()
    expect(page).toContain('<strong>&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;</strong>')
  })
})

describe('with TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'spillway-tls-'))
  afterAll(() => rmSync(directory, { recursive: true }))

  it('only the cookie that nobody else can have set counts', async () => {
    const [tlsCert, tlsKey] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
    const { cert, key } = await createCertificate()
    writeFileSync(tlsCert, cert)
    writeFileSync(tlsKey, key)
    world = await openWorld({ accounts: [], settings: { tlsCert, tlsKey } })
    const ask = (path: string, headers: Readonly<Record<string, string>>, body?: string): Promise<Response> =>
      fetch(`${world.url}${path}`, {
        tls: { rejectUnauthorized: false },
        headers: { 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { method: 'POST', body }),
      })
    const link = await ask('/api/sign-in-links', { authorization: `Bearer ${world.adminToken}` }, '{}')
    const { url } = (await link.json()) as { readonly url: string }
    const token = url.split('#')[1]
    const answer = await ask('/api/sign-in/link', {}, JSON.stringify({ token }))
    const [cookie = ''] = answer.headers.getSetCookie()
    expect(cookie).toMatch(/^__Host-spillway_session=.*; Secure$/)
    const pair = cookie.split(';')[0] ?? ''
    expect((await ask('/api/whoami', { cookie: pair })).status).toBe(200)
    expect((await ask('/api/whoami', { cookie: pair.replace('__Host-', '') })).status).toBe(401)
  })
})
