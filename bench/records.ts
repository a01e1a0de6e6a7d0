/** What a run leaves behind, as it stands in the file of raw results. Types only. */
import type { Machine } from './machine.ts'
import type { MemoryReading } from './procfs.ts'
import type { BodySize, LoadResult } from './protocol.ts'
import type { LoadName } from './scenarios.ts'
import type { TargetName } from './targets.ts'

export interface LoadRecord {
  readonly round: number
  readonly target: TargetName
  readonly scenario: LoadName
  readonly result: LoadResult
  readonly wallMs: number
  /** CPU time of the target's processes, by two clocks; undefined for what has none. */
  readonly cpu: { readonly ms: number; readonly ticksMs: number } | undefined
  /** Of the proxies' core: what others took of it, and the hypervisor's part in that. */
  readonly foreignShare: number
  readonly stolenShare: number
  /** How busy the core of upstream and generator was. */
  readonly loadCoreShare: number
  /** Why this phase says nothing; empty when it counts. */
  readonly faults: readonly string[]
}

export interface MemoryRecord {
  readonly round: number
  readonly target: TargetName
  readonly body: BodySize
  readonly streams: number
  readonly memory: MemoryReading
}

/** Of the process that has done all the work of the run. */
export interface AfterRecord {
  readonly target: TargetName
  readonly memory: MemoryReading
}

export interface ColdStartRecord {
  readonly round: number
  readonly way: StartName
  readonly ms: number
  /** Resident memory of the launcher in front of Bun, which stays. */
  readonly launcherMb: number | undefined
}

export type StartName = 'launcher' | 'bun' | 'first'

export interface Run {
  readonly machine: Machine
  readonly settings: {
    readonly rounds: number
    readonly seconds: number
    readonly leadSeconds: number
    readonly seed: number
    readonly isQuick: boolean
    readonly isPinned: boolean
  }
  readonly notes: readonly string[]
  readonly loads: readonly LoadRecord[]
  readonly memory: readonly MemoryRecord[]
  readonly after: readonly AfterRecord[]
  readonly coldStarts: readonly ColdStartRecord[]
}
