/**
 * The handlers of signing in to the control plane and out of it. The secret of a sign-in is in
 * the cookie of one answer only; a link's token in the one that makes it.
 */
import { sessionCookie } from '../../core/cookie.ts'
import { GatewayError } from '../../core/error.ts'
import { toIso } from '../../core/time.ts'
import type { Visit } from '../../core/visit.ts'
import type { Call, Caller } from '../call.ts'
import type { Answer } from '../contract.ts'
import type { BegunVisit, DoorService } from '../door.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'

type DoorHandlers = Pick<
  Handlers,
  'signIn' | 'signInWithLink' | 'createSignInLink' | 'signOut' | 'whoami' | 'listSignIns' | 'endSignIn'
>

export function doorHandlers({ door }: Services): DoorHandlers {
  return {
    async signIn({ body }, call) {
      return letIn(await door.withPassword(body, call.caller.peer), call, door)
    },
    async signInWithLink({ body }, call) {
      return letIn(await door.withLink(body.token, call.caller.peer), call, door)
    },
    async createSignInLink(_input, { caller }) {
      const { token, expiresAt } = door.makeLink({ name: caller.name, userId: caller.visit?.userId })
      const { publicUrl = '' } = door.facts()
      return { url: `${publicUrl}/sign-in#${token}`, expiresAt: toIso(expiresAt) }
    },
    async signOut(_input, call) {
      const { visit } = call.caller
      if (visit === undefined)
        throw new GatewayError('bad-request', 'There is nothing to sign out of: a token is not signed in.')
      await door.end([visit])
      call.setCookie(sessionCookie(undefined, 0, isSecure(call.origin, door)))
      call.changed({ target: visit.name })
      return {}
    },
    whoami: async (_input, { caller }) => toWhoami(caller),
    async listSignIns(_input, { caller }) {
      return {
        signIns: door.visits().map((visit) => ({
          ...toSignedIn(visit),
          peer: visit.peer,
          createdAt: toIso(visit.createdAt),
          usedAt: toIso(visit.usedAt),
          isThis: visit.id === caller.visit?.id,
        })),
      }
    },
    async endSignIn({ params }, call) {
      const visit = door.visits().find(({ id }) => id === params.id)
      if (visit === undefined) throw new GatewayError('not-found', `There is no sign-in "${params.id}".`)
      await door.end([visit])
      call.changed({ target: visit.name, from: { way: visit.way, peer: visit.peer } })
      return {}
    },
  }
}

function letIn({ visit, secret }: BegunVisit, call: Call, door: DoorService): Answer<'signIn'> {
  call.setCookie(sessionCookie(secret, visit.endsAt - visit.createdAt, isSecure(call.origin, door)))
  const { name, role, way, peer } = visit
  call.changed({ target: name, to: { way, role }, by: { name, role, peer } })
  return toSignedIn(visit)
}

/** The page itself knows best: TLS may end at a proxy that the gateway knows nothing of. */
export const isSecure = (origin: string | undefined, door: DoorService): boolean =>
  origin?.startsWith('https://') ?? door.facts().isSecure

const toSignedIn = ({ id, name, role, way, endsAt }: Visit): Answer<'signIn'> => ({
  id,
  name,
  role,
  way,
  expiresAt: toIso(endsAt),
})

function toWhoami({ name, role, visit }: Caller): Answer<'whoami'> {
  if (visit === undefined) return { name, role, way: 'token' }
  const { id, way, createdAt, endsAt } = visit
  return { name, role, way, signIn: { id, createdAt: toIso(createdAt), expiresAt: toIso(endsAt) } }
}
