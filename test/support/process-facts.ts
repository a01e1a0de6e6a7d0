/** What Linux says of a running process: its memory and its descriptors. Elsewhere there is nothing to read. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'

export const hasProcessFacts = (): boolean => existsSync('/proc/self/status') && existsSync('/proc/self/fd')

/** Resident memory in bytes. */
export function residentBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) * 1024
}

export const openDescriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length
