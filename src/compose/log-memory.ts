/**
 * The last lines of the log in memory, for the API: as they were written, secrets blotted
 * out already, bounded in number and in size. They end with the process; what is to last
 * goes to a file.
 */
import type { KeptLog, LogLine, LogQuery } from '../api/services.ts'
import type { LogLevel } from '../core/ports/log.ts'

export interface LogMemory extends KeptLog {
  /** One line of JSON. */
  keep(line: string): void
  /** Ends every subscription, and each later one at once. */
  end(): void
}

const MOST_LINES = 2_000
const MOST_BYTES = 2 << 20
/** A longer one is in the output only. */
const MOST_LINE_BYTES = 64 << 10

interface Kept {
  readonly id: string
  readonly json: string
}

/** `run` tells the ids of this run from those of another, after which everything is news. */
export function createLogMemory(run: string): LogMemory {
  const listeners = new Map<(line: LogLine) => void, () => void>()
  let kept: Kept[] = []
  let bytes = 0
  let count = 0
  let isEnded = false
  const shrink = (): void => {
    let first = 0
    for (; bytes > MOST_BYTES || kept.length - first > MOST_LINES; first++)
      bytes -= kept[first]?.json.length ?? 0
    if (first > 0) kept = kept.slice(first)
  }
  const indexOf = (id: string): number => kept.findIndex((line) => line.id === id)
  return {
    keep(json) {
      if (json.length > MOST_LINE_BYTES) return
      const line = { id: `${run}-${++count}`, json }
      kept.push(line)
      bytes += json.length
      // Not with every line: cutting copies them all.
      if (bytes > 2 * MOST_BYTES || kept.length > 2 * MOST_LINES) shrink()
      for (const listener of listeners.keys()) listener(read(line))
    },
    since(after) {
      const index = after === undefined ? kept.length - 1 : indexOf(after)
      return kept.slice(index + 1).map(read)
    },
    history(query) {
      const end = query.before === undefined ? kept.length : Math.max(0, indexOf(query.before))
      return newestFirst(kept.slice(0, end), query)
    },
    subscribe(listener, ended) {
      if (isEnded) queueMicrotask(ended)
      else listeners.set(listener, ended)
      return () => void listeners.delete(listener)
    },
    end() {
      isEnded = true
      for (const ended of [...listeners.values()]) ended()
      listeners.clear()
    },
  }
}

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

function newestFirst(lines: readonly Kept[], { limit, ...query }: LogQuery): readonly LogLine[] {
  const found: LogLine[] = []
  for (let index = lines.length - 1; index >= 0 && found.length < limit; index--) {
    const line = lines[index]
    if (line === undefined) break
    // Looked for in the text first: most lines need not be read.
    if (query.text !== undefined && !line.json.toLowerCase().includes(query.text.toLowerCase())) continue
    const entry = read(line)
    if (isWanted(entry, query)) found.push(entry)
  }
  return found
}

const isWanted = (line: LogLine, { level, request, since }: Omit<LogQuery, 'limit'>): boolean =>
  RANKS[line.level] >= RANKS[level] &&
  (request === undefined || line.request === request) &&
  (since === undefined || Date.parse(line.time) >= since)

/** This program has written the line itself. */
function read({ id, json }: Kept): LogLine {
  const { level, time, msg, request, error, ...fields } = JSON.parse(json)
  return {
    id,
    level,
    time,
    message: msg,
    fields,
    ...(request === undefined ? {} : { request: String(request) }),
    ...(error === undefined ? {} : { error: String(error) }),
  }
}
