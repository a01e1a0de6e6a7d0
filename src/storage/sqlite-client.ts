/**
 * The main thread's side of the SQLite worker: questions go over, answers come back by
 * number. The worker is started by the first question, so that a gateway nobody looks at
 * does not pay for it.
 */
import { DatabaseError, type Row, type Value } from './database.ts'
import { problemOfCode } from './sqlite-problem.ts'
import type { Task } from './sqlite-tasks.ts'

export type WorkerRequest = { readonly id: number } & Question

type Question =
  | { readonly kind: 'open'; readonly file: string }
  | { readonly kind: 'read'; readonly text: string; readonly values: Value[] }
  | { readonly kind: 'check' }
  | { readonly kind: 'checkpoint' }
  | Task

export interface WorkerAnswer {
  readonly id: number
  readonly rows?: readonly Record<string, unknown>[]
  readonly error?: string
  /** SQLite's name of it. */
  readonly code?: string
}

export interface SqliteWorker {
  read(text: string, values: readonly Value[]): Promise<readonly Row[]>
  check(): Promise<readonly string[]>
  /** Moves the log into the database. */
  checkpoint(): Promise<void>
  run(task: Task): Promise<readonly Row[]>
  close(): Promise<void>
}

const LONGEST_END_MS = 1_000

export function startWorker(file: string): SqliteWorker {
  const waiting = new Map<number, PromiseWithResolvers<readonly Row[]>>()
  let worker: Worker | undefined
  let last = 0

  const ask = (question: Question): Promise<readonly Row[]> => {
    worker ??= open()
    const id = ++last
    const answer = Promise.withResolvers<readonly Row[]>()
    waiting.set(id, answer)
    worker.postMessage({ id, ...question } satisfies WorkerRequest)
    return answer.promise
  }
  const fail = (message: string): void => {
    for (const answer of waiting.values()) answer.reject(new DatabaseError('other', message, undefined))
    waiting.clear()
    worker = undefined
  }
  const open = (): Worker => {
    const opened = new Worker(new URL('./sqlite-worker.ts', import.meta.url).href)
    opened.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => {
      const answer = waiting.get(data.id)
      waiting.delete(data.id)
      if (data.error === undefined) answer?.resolve(data.rows ?? [])
      else answer?.reject(new DatabaseError(problemOfCode(data.code ?? ''), data.error, undefined))
    }
    opened.onerror = ({ message }) => fail(message)
    opened.unref()
    opened.postMessage({ id: 0, kind: 'open', file } satisfies WorkerRequest)
    return opened
  }
  return {
    read: (text, values) => ask({ kind: 'read', text, values: [...values] }),
    async check() {
      const rows = await ask({ kind: 'check' })
      return rows.map((row) => String(Object.values(row)[0])).filter((finding) => finding !== 'ok')
    },
    async checkpoint() {
      await ask({ kind: 'checkpoint' })
    },
    run: ask,
    async close() {
      const closing = worker
      fail('The database is closed.')
      if (closing === undefined) return
      // Until it has ended its connection is open, and whoever comes next may find the file locked.
      const { promise: ended, resolve } = Promise.withResolvers<void>()
      closing.addEventListener('close', () => resolve())
      closing.terminate()
      await Promise.race([ended, Bun.sleep(LONGEST_END_MS)])
    },
  }
}
