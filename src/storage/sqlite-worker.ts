/**
 * Runs in a worker: everything that may take long on a SQLite file (reads, checks,
 * checkpoints, upkeep), one after the other, on connections of its own.
 */
import { Database as Sqlite } from 'bun:sqlite'
import type { WorkerAnswer, WorkerRequest } from './sqlite-client.ts'
import { codeOf } from './sqlite-problem.ts'
import { moveLog, runTask } from './sqlite-tasks.ts'

declare const self: Worker

let file = ''
let reader: Sqlite | undefined

self.onmessage = ({ data }: MessageEvent<WorkerRequest>) => {
  const answer: WorkerAnswer = { id: data.id, ...outcome(data) }
  self.postMessage(answer)
}

function outcome(request: WorkerRequest): Omit<WorkerAnswer, 'id'> {
  try {
    return { rows: run(request) }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error), code: codeOf(error) }
  }
}

function run(request: WorkerRequest): readonly Record<string, unknown>[] {
  switch (request.kind) {
    case 'open':
      file = request.file
      return []
    case 'read':
      return connection()
        .query<Record<string, unknown>, (string | number | null)[]>(request.text)
        .all(...request.values)
    case 'check':
      return check()
    case 'checkpoint': {
      // A reader cannot checkpoint, and this connection must not keep the file's lock.
      const writer = new Sqlite(file, { readwrite: true })
      moveLog(writer)
      writer.close()
      return []
    }
    default:
      return runTask(file, request)
  }
}

/** What is on the disk, not what a connection remembers of it. */
function check(): readonly Record<string, unknown>[] {
  const fresh = new Sqlite(file, { readonly: true })
  try {
    return fresh.query<Record<string, unknown>, []>('pragma integrity_check(20)').all()
  } finally {
    fresh.close()
  }
}

function connection(): Sqlite {
  reader ??= new Sqlite(file, { readonly: true })
  return reader
}
