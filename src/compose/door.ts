/**
 * The control plane's door: who somebody is by what they bring, how often a wrong credential
 * may be tried, and what is told of changes. No decisions: what a role may is core/role.ts.
 */
import { timingSafeEqual } from 'node:crypto'
import type { AppOptions } from '../api/app.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { sha256 } from '../platform/digest.ts'
import { createAttemptLimit } from './attempt-limit.ts'
import type { Foundation } from './foundation.ts'

const WRONG_TOKENS_A_MINUTE = 20

export const createDoor = ({
  directory,
  log,
}: Foundation): Pick<AppOptions, 'identify' | 'isBlocked' | 'audit'> => ({
  identify({ headers, peer }) {
    const token = /^bearer\s+(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1]
    const isAdmin = token !== undefined && isSame(sha256(token), sha256(directory.adminToken))
    return isAdmin ? { name: 'admin token', role: 'owner', peer } : undefined
  },
  isBlocked: createAttemptLimit(WRONG_TOKENS_A_MINUTE, clock.elapsed),
  audit: ({ action, target, caller }) =>
    log.info('A change was made through the API.', { action, target, by: caller.name, peer: caller.peer }),
})

/** In constant time: both are digests of one length. */
const isSame = (a: string, b: string): boolean => timingSafeEqual(Buffer.from(a), Buffer.from(b))
