/** How long the pool lasts, out of its forecast. Must not round to the better. */
import type { PoolOutlook } from '../forecast-pool.ts'
import type { Runway } from './facts.ts'

export function runwayOf(outlook: PoolOutlook): Runway {
  switch (outlook.kind) {
    case 'unknown':
      return { kind: 'unknown' }
    case 'open-ended':
      return { kind: 'safe', until: undefined }
    case 'out':
      return { kind: 'out', until: outlook.until }
    case 'forecast':
      return { kind: 'safe', until: outlook.outAt.low }
  }
}
