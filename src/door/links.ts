/**
 * One-time links: who opens one is signed in, once, within ten minutes. Only a link's digest is
 * kept, in memory: a restart takes them all back. Must not sign anybody in itself.
 */
import { MINUTE } from '../core/time.ts'
import type { SecretSource } from './secrets.ts'

export const LINK_LIFE_MS = 10 * MINUTE
const MOST_LINKS = 100

/** The owner who made it. */
export interface LinkBearer {
  readonly name: string
  readonly userId: string | undefined
}

export interface Links {
  /** The token of a new link. */
  make(bearer: LinkBearer): string
  /** Whom the link is for, this once; undefined: none, used, or too old. */
  use(token: string): LinkBearer | undefined
  /** A user who may no longer sign in has no links either. */
  forget(userId: string): void
}

interface Link extends LinkBearer {
  readonly until: number
}

export function createLinks(secrets: SecretSource, elapsed: () => number): Links {
  const links = new Map<string, Link>()
  return {
    make(bearer) {
      if (links.size >= MOST_LINKS) for (const oldest of links.keys()) if (links.delete(oldest)) break
      const { secret, digest } = secrets.make('spl_')
      links.set(digest, { ...bearer, until: elapsed() + LINK_LIFE_MS })
      return secret
    },
    use(token) {
      const digest = secrets.digest(token)
      const link = links.get(digest)
      links.delete(digest)
      return link === undefined || elapsed() >= link.until ? undefined : link
    },
    forget(userId) {
      for (const [digest, link] of links) if (link.userId === userId) links.delete(digest)
    },
  }
}
