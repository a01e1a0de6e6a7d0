/** The ways into the control plane as its handlers need them. Types only; who is let in is decided elsewhere. */
import type { Millis } from '../core/time.ts'
import type { Visit } from '../core/visit.ts'

/** Those that sign somebody in throw GatewayError with a sentence about why not. */
export interface DoorService {
  makeLink(bearer: LinkBearer): { readonly token: string; readonly expiresAt: Millis }
  withLink(token: string, peer: string): Promise<BegunVisit>
  withPassword(given: { readonly name: string; readonly password: string }, peer: string): Promise<BegunVisit>
  /** `origin`: this gateway's, as the browser knows it. */
  beginOidc(origin: string): Promise<{ readonly url: string; readonly flow: string }>
  finishOidc(query: URLSearchParams, flow: string | undefined, peer: string): Promise<BegunVisit>
  /** Those who are signed in, the latest first. */
  visits(): readonly Visit[]
  end(visits: readonly Visit[]): Promise<void>
  /** Signs a user out everywhere, and takes back the links that they made. */
  endUser(userId: string): Promise<void>
  facts(): DoorFacts
}

/** Who makes a link: an owner. */
export interface LinkBearer {
  readonly name: string
  readonly userId: string | undefined
}

export interface BegunVisit {
  readonly visit: Visit
  readonly secret: string
}

/** What a browser has to know. */
export interface DoorFacts {
  readonly hasOidc: boolean
  /** Whether browsers reach this gateway over HTTPS, as far as it knows. */
  readonly isSecure: boolean
  /** Where it is reached, if the operator has said it. */
  readonly publicUrl: string | undefined
}
