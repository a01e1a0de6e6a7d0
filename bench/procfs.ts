/**
 * What Linux says about processes: CPU time in nanoseconds (`schedstat`, thread by thread) and
 * in clock ticks (`stat`, a cross-check that includes threads which have ended), memory, and
 * how busy a core was. Only reads.
 */
import { readdirSync, readFileSync } from 'node:fs'

export interface CpuReading {
  /** "process/thread" → nanoseconds. */
  readonly threads: ReadonlyMap<string, number>
  readonly ticksMs: number
}

export interface MemoryReading {
  /** MB of 1,000,000 bytes: all that is resident, the process's own part of it, and the peak so far. */
  readonly rssMb: number
  readonly ownMb: number
  readonly peakMb: number
}

/** Milliseconds since boot; `busy` includes what a hypervisor took away. */
export interface CoreReading {
  readonly busyMs: number
  readonly stolenMs: number
}

/** USER_HZ is 100 on every architecture that Linux still runs on. */
const TICK_MS = 10

export const hasProcfs = (): boolean => text('/proc/self/schedstat') !== ''

/** The process and everything that descends from it. */
export function processTree(root: number): readonly number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    const parent = Number(statFields(Number(entry))[1])
    if (!Number.isNaN(parent)) children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
  }
  const below = (pid: number): readonly number[] => [pid, ...(children.get(pid) ?? []).flatMap(below)]
  return below(root)
}

export function readCpu(root: number): CpuReading {
  const threads = new Map<string, number>()
  let ticksMs = 0
  for (const pid of processTree(root)) {
    const fields = statFields(pid)
    ticksMs += (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * TICK_MS
    for (const thread of list(`/proc/${pid}/task`)) {
      const [nanoseconds = ''] = text(`/proc/${pid}/task/${thread}/schedstat`).split(' ')
      threads.set(`${pid}/${thread}`, Number(nanoseconds))
    }
  }
  return { threads, ticksMs }
}

/** Milliseconds of CPU that went by between two readings of one tree. */
export function cpuBetween(
  before: CpuReading,
  after: CpuReading,
): { readonly ms: number; readonly ticksMs: number } {
  let nanoseconds = 0
  for (const [thread, value] of after.threads) nanoseconds += value - (before.threads.get(thread) ?? 0)
  return { ms: nanoseconds / 1e6, ticksMs: after.ticksMs - before.ticksMs }
}

export function readMemory(pids: readonly number[]): MemoryReading {
  const sum = (field: string): number => pids.reduce((total, pid) => total + megabytesOf(pid, field), 0)
  return { rssMb: sum('VmRSS'), ownMb: sum('RssAnon'), peakMb: sum('VmHWM') }
}

/** Of one process alone, in MB. */
export const residentMb = (pid: number): number => megabytesOf(pid, 'VmRSS')

export function readCore(core: number): CoreReading {
  const line = text('/proc/stat')
    .split('\n')
    .find((each) => each.startsWith(`cpu${core} `))
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, stolen = 0] = (line ?? '')
    .split(' ')
    .slice(1)
    .map((ticks) => Number(ticks) * TICK_MS)
  return { busyMs: user + nice + system + irq + softirq + stolen, stolenMs: stolen }
}

/** The fields after the command's name, which may hold spaces: state, parent, … */
function statFields(pid: number): readonly string[] {
  const line = Number.isNaN(pid) ? '' : text(`/proc/${pid}/stat`)
  return line.slice(line.lastIndexOf(')') + 2).split(' ')
}

function megabytesOf(pid: number, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text(`/proc/${pid}/status`))
  return (Number(match?.[1] ?? 0) * 1_024) / 1e6
}

/** Processes come and go: what is gone reads as nothing. */
function text(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
