/**
 * The page where one signs in, its script and its style. A one-time link's token stands behind
 * the # of the page's address: browsers send that to nobody, so it is in no log and no Referer,
 * and a program that looks links up in advance uses none up. The script posts it.
 */
import { html } from 'hono/html'
import { page } from './page.ts'

export interface SignInOptions {
  readonly hasOidc: boolean
  readonly status?: number
  /** What went wrong. */
  readonly said?: string
}

export function signInPage({ hasOidc, status = 200, said = '' }: SignInOptions): Promise<Response> {
  const oidc = hasOidc
    ? html`<p><a class="button" href="/api/sign-in/oidc">Sign in with your organization</a></p>`
    : ''
  return page(
    'Sign in to Spillway',
    html`<h1>Sign in to Spillway</h1>
<p id="said" role="status">${said}</p>
<noscript><p>Signing in needs JavaScript.</p></noscript>
<form id="sign-in">
<label>Name <input name="name" autocomplete="username" required maxlength="64"></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required maxlength="256"></label>
<button>Sign in</button>
</form>
${oidc}
<p>No password? Run <code>spillway dashboard</code> on the gateway’s machine for a one-time link.</p>`,
    { status },
  )
}

export interface PersonShown {
  readonly name: string
  readonly role: string
}

/** What stands at /dashboard: the truth about who is signed in, and the way out. */
export const personPage = ({ name, role }: PersonShown): Promise<Response> =>
  page(
    'Spillway',
    html`<h1>Spillway</h1>
<p>You are signed in as <strong>${name}</strong> (${role}).</p>
<p id="said" role="status"></p>
<p>There is no dashboard in this version; what it would show, the <a href="/api/docs">API</a> and the commands do.</p>
<p><button id="sign-out">Sign out</button></p>`,
  )

/**
 * A redirect from another site would not bring the new cookie along (SameSite=Strict): the next
 * page must be asked for by one of ours.
 */
export const arrivedPage = (): Promise<Response> =>
  page('Signed in', html`<p>You are signed in. <a href="/dashboard">Go on</a></p>`, { next: '/dashboard' })

export const SIGN_IN_SCRIPT = `'use strict'
const say = (text) => { document.getElementById('said').textContent = text }

async function post(path, body) {
  try {
    const answer = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    if (answer.ok) return true
    const { error } = await answer.json()
    say(error.message)
  } catch {
    say('The gateway does not answer.')
  }
  return false
}

async function useLink() {
  const token = location.hash.slice(1)
  if (!token.startsWith('spl_')) return
  history.replaceState(null, '', location.pathname)
  say('Signing in…')
  if (await post('/api/sign-in/link', { token })) location.replace('/dashboard')
}

document.getElementById('sign-in')?.addEventListener('submit', async (event) => {
  event.preventDefault()
  const { name, password } = Object.fromEntries(new FormData(event.target))
  say('Signing in…')
  if (await post('/api/sign-in', { name, password })) location.replace('/dashboard')
})
document.getElementById('sign-out')?.addEventListener('click', async () => {
  if (await post('/api/sign-out')) location.replace('/sign-in')
})
addEventListener('hashchange', useLink)
useLink()
`

export const SIGN_IN_STYLE = `:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; display: grid; place-items: center; min-height: 100vh }
main { width: min(24rem, 90vw) }
label { display: block; margin: 0 0 1rem }
input { display: block; width: 100%; box-sizing: border-box; font: inherit; padding: 0.4rem }
button, .button { font: inherit; padding: 0.4rem 1rem }
#said:empty { display: none }
`
