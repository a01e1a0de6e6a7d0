/**
 * What stands behind the contract's pages: signing in with a browser. Who asks may be unknown,
 * so nothing here shows or changes what needs a role; nothing is changed by a GET but that a
 * provider's answer, which only the browser that began can bring, becomes a sign-in.
 */
import { cookieIn, sessionCookie, writeCookie } from '../core/cookie.ts'
import { STATUS_OF, toGatewayError } from '../core/error.ts'
import type { AuditEntry, Caller } from './call.ts'
import type { DoorService } from './door.ts'
import { type PageName, pageRoutes } from './door-routes.ts'
import { isSecure } from './handlers/door.ts'
import { arrivedPage, personPage, SIGN_IN_SCRIPT, SIGN_IN_STYLE, signInPage } from './pages/sign-in-page.ts'

export interface PageRequest {
  readonly request: Request
  readonly caller: Caller | undefined
  readonly peer: string
  readonly audit: (entry: AuditEntry) => Promise<void>
}

type Page = (asked: PageRequest) => Response | Promise<Response>

export function createPages(door: DoorService): { readonly [Name in PageName]: Page } {
  return {
    signInPage: () => signInPage({ hasOidc: door.facts().hasOidc }),
    signInScript: () => plain(SIGN_IN_SCRIPT, 'signInScript'),
    signInStyle: () => plain(SIGN_IN_STYLE, 'signInStyle'),
    dashboard: ({ caller }) => (caller === undefined ? redirect('/sign-in') : personPage(caller)),
    beginOidc: orSay(beginOidc, door),
    finishOidc: orSay(finishOidc, door),
  }
}

const plain = (text: string, name: PageName): Response =>
  new Response(text, { headers: { 'content-type': pageRoutes[name].type } })

const redirect = (location: string): Response => new Response(null, { status: 303, headers: { location } })

const FLOW_COOKIE = 'spillway_sign_in'
const FLOW_LIFE_MS = 600_000

/** The provider's redirect back comes from another site, so this cookie is the one that is not Strict. */
const flowCookie = (value: string | undefined, isEncrypted: boolean): string =>
  writeCookie({
    name: FLOW_COOKIE,
    value,
    path: pageRoutes.beginOidc.path,
    lifeMs: FLOW_LIFE_MS,
    isSecure: isEncrypted,
    sameSite: 'Lax',
  })

async function beginOidc({ request }: PageRequest, door: DoorService): Promise<Response> {
  const origin = originOf(request, door)
  const { url, flow } = await door.beginOidc(origin)
  const answer = redirect(url)
  answer.headers.append('set-cookie', flowCookie(flow, isSecure(origin, door)))
  return answer
}

async function finishOidc({ request, peer, audit }: PageRequest, door: DoorService): Promise<Response> {
  const isEncrypted = isSecure(originOf(request, door), door)
  const flow = cookieIn(request.headers.get('cookie') ?? '', FLOW_COOKIE)
  const { visit, secret } = await door.finishOidc(new URL(request.url).searchParams, flow, peer)
  const { name, role, way } = visit
  await audit({ action: 'signIn', target: name, to: { way, role }, caller: { name, role, peer } })
  const answer = await arrivedPage()
  answer.headers.append('set-cookie', sessionCookie(secret, visit.endsAt - visit.createdAt, isEncrypted))
  answer.headers.append('set-cookie', flowCookie(undefined, isEncrypted))
  return answer
}

/** What the operator said, else the Host, which the door has checked; never what a forwarding header says. */
function originOf(request: Request, door: DoorService): string {
  const { publicUrl, isSecure: isEncrypted } = door.facts()
  const host = request.headers.get('host') ?? 'localhost'
  return publicUrl ?? `${isEncrypted ? 'https' : 'http'}://${host}`
}

/** A person reads this answer: what went wrong is said on the page, and what is a bug is thrown on. */
const orSay =
  (work: (asked: PageRequest, door: DoorService) => Promise<Response>, door: DoorService): Page =>
  async (asked) => {
    try {
      return await work(asked, door)
    } catch (thrown) {
      const { code, message } = toGatewayError(thrown)
      if (code === 'internal') throw thrown
      return signInPage({ hasOidc: door.facts().hasOidc, status: STATUS_OF[code], said: message })
    }
  }
