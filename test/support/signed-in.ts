/**
 * A world whose accounts are signed in to: each with tokens of a login at the simulated
 * provider, which is also where the gateway renews them.
 */
import type { GrantedLogin } from '../../src/simulator/logins.ts'
import type { Simulator } from '../../src/simulator/simulator.ts'
import { type AccountPlan, openWorld, type World, type WorldOptions } from './world.ts'

export type LoginPlan = Partial<AccountPlan> & {
  readonly name: string
  /** When the gateway believes that the token ends, from now; an hour unless given. */
  readonly endsInMs?: number
}

export interface SignedInOptions extends Omit<WorldOptions, 'accounts'> {
  /** One account "a" unless given. */
  readonly accounts?: readonly (string | LoginPlan)[]
}

const HOUR_MS = 3_600_000

/** Where a gateway gets tokens from a simulator. */
export const tokenEnvironment = ({ url }: Simulator): Readonly<Record<string, string>> => ({
  SPILLWAY_ANTHROPIC_OAUTH_URL: url,
})

export async function openSignedIn({ accounts = ['a'], ...options }: SignedInOptions = {}): Promise<World> {
  const world = await openWorld({ environment: tokenEnvironment, ...options, accounts: [] })
  for (const plan of accounts) await addSignedIn(world, plan)
  return world
}

/** The login has the account's name as its id. */
export async function addSignedIn(
  { api, simulator }: Pick<World, 'api' | 'simulator'>,
  plan: string | LoginPlan,
): Promise<GrantedLogin> {
  const { name, endsInMs = HOUR_MS, ...rest } = typeof plan === 'string' ? { name: plan } : plan
  const login = simulator.logins.grant({ id: name })
  const body = {
    name,
    provider: 'claude-oauth',
    baseUrl: simulator.url,
    accessToken: login.accessToken,
    refreshToken: login.refreshToken,
    tokenExpiresAt: new Date(Date.now() + endsInMs).toISOString(),
    acceptTerms: true,
    ...rest,
  }
  await api.addAccount({ body })
  return login
}

/** A person signs in again to an account that is known. */
export async function signInAgain({ api, simulator }: World, name: string): Promise<void> {
  const body = { name, provider: 'claude-oauth', mode: 'max', acceptTerms: true } as const
  const { sessionId, authUrl } = await api.beginSignIn({ body })
  await api.finishSignIn({ body: { sessionId, code: simulator.logins.authorize(authUrl, { id: name }) } })
}
