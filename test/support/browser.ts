/** What a browser does at the control plane: keeps cookies, says which page asks, follows nothing by itself. */
import type { World } from './world.ts'

export interface Browser {
  /** Name → value, as the gateway has set them. */
  readonly cookies: ReadonlyMap<string, string>
  /** Every `set-cookie` that came, as it came. */
  readonly setCookies: readonly string[]
  /** As a page of the gateway's own asks. */
  ask(path: string, init?: RequestInit): Promise<Response>
  /** With a JSON body, as a page of the gateway's own sends one. */
  send(method: string, path: string, body?: unknown): Promise<Response>
  /** As when somebody follows a link on another site. */
  follow(url: string): Promise<Response>
}

export function openBrowser(url: () => string): Browser {
  const cookies = new Map<string, string>()
  const setCookies: string[] = []
  const fetchWith = async (address: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers)
    const jar = [...cookies].map(([name, value]) => `${name}=${value}`)
    if (jar.length > 0) headers.set('cookie', jar.join('; '))
    const answer = await fetch(address, { ...init, headers, redirect: 'manual' })
    for (const text of answer.headers.getSetCookie()) {
      setCookies.push(text)
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? []
      if (value === '') cookies.delete(name)
      else cookies.set(name, value)
    }
    return answer
  }
  const ask = (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers)
    headers.set('sec-fetch-site', 'same-origin')
    return fetchWith(`${url()}${path}`, { ...init, headers })
  }
  return {
    cookies,
    setCookies,
    ask,
    send: (method, path, body) =>
      ask(path, {
        method,
        headers: { 'content-type': 'application/json', origin: url() },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    follow: (address) => fetchWith(address, { headers: FOLLOWED }),
  }
}

const FOLLOWED = {
  'sec-fetch-site': 'cross-site',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
}

/** Twelve letters and more, and looked for in everything that is written. */
export const passwordOf = (name: string): string => `CANARY-password-of-${name}`

/** A browser in which somebody of this role has signed in. */
export async function signedIn(
  world: World,
  role: 'owner' | 'operator' | 'viewer',
  name = role,
): Promise<Browser> {
  await world.api.addUser({ body: { name, role, password: passwordOf(name) } })
  const browser = openBrowser(() => world.url)
  const answer = await browser.send('POST', '/api/sign-in', { name, password: passwordOf(name) })
  if (!answer.ok) throw new Error(`${name} could not sign in: ${await answer.text()}`)
  return browser
}
