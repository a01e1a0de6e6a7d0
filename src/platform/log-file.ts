/**
 * The log as a file of bounded size: when it is full it becomes `<path>.1`, that one
 * `<path>.2`, and so on. Readable by its owner only. A disk that is full costs lines, never
 * time. Must not know what a line says.
 */
import { existsSync, fchmodSync, fstatSync, openSync, renameSync, rmSync } from 'node:fs'
import { messageOf } from '../core/error.ts'
import { createLineOutput, type DescriptorOutput } from './output.ts'

export interface LogFile {
  write(line: string): void
  flush(): void | Promise<void>
  /** After a flush. */
  close(): void
  readonly path: string
  /** Lines that could not be written. */
  readonly dropped: number
  /** Why the last lines could not be written; undefined when they could. */
  readonly problem: string | undefined
}

export interface LogFileOptions {
  readonly path: string
  /** The largest that the file may become. */
  readonly mostBytes: () => number
  /** How many full ones are kept. */
  readonly keeps: () => number
}

/** Throws what opening a file throws. */
export function openLogFile({ path, mostBytes, keeps }: LogFileOptions): LogFile {
  let { output, size } = open(path)
  let droppedBefore = 0
  let problem: string | undefined
  const rotate = (): void => {
    // Whatever comes of it, it is tried again only when as much has been written once more.
    size = 0
    try {
      shift(path, keeps())
      const full = output
      ;({ output, size } = open(path))
      droppedBefore += full.dropped
      full.end()
      problem = undefined
    } catch (error) {
      problem = messageOf(error)
    }
  }
  return {
    path,
    write(line) {
      const bytes = Buffer.byteLength(line)
      if (size > 0 && size + bytes > mostBytes()) rotate()
      size += bytes
      output.write(line)
    },
    flush: () => output.flush(),
    close: () => output.end(),
    get dropped() {
      return droppedBefore + output.dropped
    },
    get problem() {
      return output.problem ?? problem
    },
  }
}

const OWNER_ONLY = 0o600

function open(path: string): { output: DescriptorOutput; size: number } {
  const descriptor = openSync(path, 'a', OWNER_ONLY)
  const facts = fstatSync(descriptor)
  // A pipe or a device has its permissions from somebody else.
  if (facts.isFile()) fchmodSync(descriptor, OWNER_ONLY)
  return { output: createLineOutput(descriptor), size: facts.size }
}

/** The oldest goes; whatever an earlier setting kept beyond goes with it. */
function shift(path: string, keeps: number): void {
  for (let number = keeps + 1; existsSync(`${path}.${number}`); number++) rmSync(`${path}.${number}`)
  if (keeps === 0) {
    rmSync(path)
    return
  }
  for (let number = keeps - 1; number > 0; number--)
    if (existsSync(`${path}.${number}`)) renameSync(`${path}.${number}`, `${path}.${number + 1}`)
  renameSync(path, `${path}.1`)
}
