/** Where the published traces are. */
import { join } from 'node:path'

export const TRACE_NAMES = ['team-day', 'agents-overnight', 'mixed-pool', 'bursts'] as const

export const traceFile = (name: string): string => join(import.meta.dir, 'traces', `${name}.csv`)
