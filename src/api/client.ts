/**
 * The typed client of the admin API, made from the contract: the command line and every
 * other caller goes through it, over HTTP to a running server or straight to the same app
 * in a command's own process. Must not know a command.
 */
import { type Answer, type ClientInput, type RouteName, routes } from './contract.ts'
import { ApiError, toApiError } from './error.ts'
import type { Route } from './route.ts'

/** Sends one request; the URL is a path with its query. */
export type Transport = (path: string, init: RequestInit) => Promise<Response>

export type Client = { readonly [Name in RouteName]: Call<Name> }

type Call<Name extends RouteName> =
  unknown extends ClientInput<Name>
    ? () => Promise<Answer<Name>>
    : (input: ClientInput<Name>) => Promise<Answer<Name>>

interface AnyInput {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, unknown>>
  readonly body?: unknown
}

export function createClient(transport: Transport): Client {
  const calls = Object.entries<Route>(routes).map(([name, route]) => [
    name,
    (input: AnyInput = {}) => call(transport, route, input),
  ])
  return Object.fromEntries(calls) as Client
}

async function call(
  transport: Transport,
  route: Route,
  { params = {}, query = {}, body }: AnyInput,
): Promise<unknown> {
  const path = route.path.replace(/:(\w+)/g, (_, name: string) => toPathPart(route, params[name] ?? ''))
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  )
  const search = given.length === 0 ? '' : `?${new URLSearchParams(given)}`
  const response = await transport(`${path}${search}`, {
    method: route.method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    // Without a body too: what changes something by a cookie must say that it is no form.
    ...(route.method === 'GET' ? {} : { headers: { 'content-type': 'application/json' } }),
  })
  if (!response.ok) throw await toApiError(response)
  return response.json()
}

/** No name that a path cannot carry in its plain form is anybody's; encoded or not, the server would refuse it. */
function toPathPart({ path }: Route, part: string): string {
  if (!/^\.{0,2}$|[/\\\0]/.test(part)) return encodeURIComponent(part)
  const [, noun = 'thing'] = /^\/api\/(\w+?)s?\/:/.exec(path) ?? []
  throw new ApiError(404, 'not-found', `There is no ${noun} "${part}".`)
}
