/**
 * Signing in as people and their programs do it: against the simulated provider, through the
 * API or by the real command, whose page is answered and whose code is pasted. No decision of
 * the gateway's is repeated here.
 */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Account, Answer, ClientInput } from '../../src/api/contract.ts'
import { ApiError } from '../../src/api/error.ts'
import type { AuthorizeOptions } from '../../src/simulator/logins.ts'
import { TOKEN_ENDPOINT } from '../../src/simulator/logins.ts'
import type { Simulator } from '../../src/simulator/simulator.ts'
import { openPlace, type Place } from './command-line.ts'
import { cleanEnvironment, ROOT } from './gateway-process.ts'
import { openWorld, type World, type WorldOptions } from './world.ts'

/** The settings that lead to the simulated provider, as they are changed while a gateway runs. */
const settingsFor = ({ url }: Simulator): Readonly<Record<string, string>> => ({
  anthropicOauthUrl: url,
  anthropicAuthorizeUrl: url,
})

/** The same as variables, for commands that work without a server. */
export const variablesFor = ({ url }: Simulator): Readonly<Record<string, string>> => ({
  SPILLWAY_ANTHROPIC_OAUTH_URL: url,
  SPILLWAY_ANTHROPIC_AUTHORIZE_URL: url,
})

/** A world in which people sign in at the simulated provider; everything is logged. */
export async function openSignInWorld(options: WorldOptions = {}): Promise<World> {
  const settings = { logLevel: 'debug', ...options.settings }
  const world = await openWorld({ accounts: [], ...options, settings })
  await world.api.changeConfig({ body: settingsFor(world.simulator) })
  return world
}

export async function openSignInPlace(isRunning: boolean): Promise<Place> {
  const place = await openPlace(isRunning)
  if (isRunning) await place.world.api.changeConfig({ body: settingsFor(place.simulator) })
  return place
}

type Begin = Partial<ClientInput<'beginSignIn'>['body']>

/** Begins to sign in to an account of the simulated provider's, with a yes to the terms. */
export const begin = (
  { api, simulator }: World,
  name: string,
  more: Begin = {},
): Promise<Answer<'beginSignIn'>> =>
  api.beginSignIn({
    body: { name, provider: 'claude-oauth', baseUrl: simulator.url, acceptTerms: true, ...more },
  })

/** Again, to an account that is there: only its name is said. */
export const beginAgain = ({ api }: World, name: string, more: Begin = {}): Promise<Answer<'beginSignIn'>> =>
  api.beginSignIn({ body: { name, ...more } })

export const finish = (
  { api }: World,
  { sessionId }: Pick<Answer<'beginSignIn'>, 'sessionId'>,
  code: string,
): Promise<Answer<'finishSignIn'>> => api.finishSignIn({ body: { sessionId, code } })

/** The whole way: the page is opened, the person says yes, the code is pasted. */
export async function signIn(
  world: World,
  name: string,
  more: Begin & { readonly as?: AuthorizeOptions } = {},
): Promise<Answer<'finishSignIn'>> {
  const { as, ...body } = more
  const begun = await begin(world, name, body)
  return finish(world, begun, world.simulator.logins.authorize(begun.authUrl, as))
}

export async function signInAgain(
  world: World,
  name: string,
  as?: AuthorizeOptions,
): Promise<Answer<'finishSignIn'>> {
  const begun = await beginAgain(world, name)
  return finish(world, begun, world.simulator.logins.authorize(begun.authUrl, as))
}

/** What was refused, in the caller's words for it; a call that succeeds is the test's failure. */
export async function refusalOf(call: Promise<unknown>): Promise<ApiError> {
  try {
    await call
  } catch (error) {
    if (error instanceof ApiError) return error
    throw error
  }
  throw new Error('The call was not refused.')
}

export async function namesIn({ api }: World): Promise<readonly string[]> {
  const { accounts } = await api.listAccounts()
  return accounts.map(({ name }: Account) => name)
}

/** The last thing that the token endpoint was sent. */
export function lastTokenRequest({
  requestsOf,
}: Pick<Simulator, 'requestsOf'>): Readonly<Record<string, string>> {
  const last = requestsOf(TOKEN_ENDPOINT).at(-1)
  if (last === undefined) throw new Error('The token endpoint was asked for nothing.')
  return JSON.parse(last.body.toString())
}

export interface SignInCommand {
  readonly code: number
  readonly out: string
  readonly err: string
  /** Undefined: it ended before it showed one. */
  readonly authUrl: string | undefined
}

interface CommandOptions {
  readonly environment?: Readonly<Record<string, string>>
  /** What is pasted for the address that the command shows; the simulated person's yes unless said. */
  readonly paste?: (authUrl: string) => string
}

/** A command that signs in, with a person at the page; nothing of theirs may be in what it prints. */
export async function signInByCommand(
  place: Place,
  words: readonly string[],
  { environment = {}, paste = (url) => place.simulator.logins.authorize(url) }: CommandOptions = {},
): Promise<SignInCommand> {
  const child = Bun.spawn(['node', join(ROOT, 'bin', 'spillway.mjs'), ...words], {
    cwd: ROOT,
    env: cleanEnvironment(place.directory, {
      XDG_DATA_HOME: join(place.directory, 'data-home'),
      XDG_CONFIG_HOME: join(place.directory, 'config-home'),
      TMPDIR: tmpdir(),
      NO_PROXY: '*',
      SPILLWAY_DATA_DIR: place.dataDirectory,
      ...variablesFor(place.simulator),
      ...environment,
    }),
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const output = child.stdout.text()
  let err = ''
  let authUrl: string | undefined
  const decoder = new TextDecoder()
  for await (const bytes of child.stderr) {
    err += decoder.decode(bytes, { stream: true })
    const [, shown] = /\n {2}(https?:\/\/\S+)\n/.exec(err) ?? []
    if (authUrl !== undefined || shown === undefined) continue
    authUrl = shown
    child.stdin.write(`${paste(shown)}\n`)
    await child.stdin.end()
  }
  const [out, code] = await Promise.all([output, child.exited])
  if (`${out}${err}`.includes('CANARY'))
    throw new Error(`"${words.join(' ')}" shows a credential: ${out}${err}`)
  return { code, out, err, authUrl }
}
