/**
 * What every answer of the control plane says to browsers and caches, refusals at the door
 * included: keep nothing, guess nothing, show it in no frame. Apart from app.ts, because the
 * door answers before that is loaded.
 */
import type { Headers } from '../core/headers.ts'

export const PROTECTIVE_HEADERS: Headers = [
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['referrer-policy', 'no-referrer'],
]
