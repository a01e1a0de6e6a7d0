/**
 * The way to the payloads' worker: questions go over, answers come back by number. The worker
 * is started by the first question and again by the next one, should it ever end. Must not
 * know what is asked.
 */
import { GatewayError } from '../core/error.ts'
import type { PayloadAnswer, PayloadProblem, PayloadQuestion, PayloadRequest } from './payload-worker.ts'

class PayloadError extends Error {
  readonly problem: PayloadProblem

  constructor(problem: PayloadProblem, message: string) {
    super(message)
    this.name = 'PayloadError'
    this.problem = problem
  }
}

export interface PayloadClient {
  /** `moved`: whose memory goes over with the question. Throws PayloadError. */
  ask(question: PayloadQuestion, moved?: readonly ArrayBuffer[]): Promise<unknown>
  close(): Promise<void>
}

const LONGEST_END_MS = 1_000

export function createPayloadClient(file: string, key: () => Uint8Array): PayloadClient {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let worker: Worker | undefined
  let last = 0

  const fail = (message: string): void => {
    worker = undefined
    for (const answer of waiting.values()) answer.reject(new PayloadError('other', message))
    waiting.clear()
  }
  const open = (): Worker => {
    const opened = new Worker(new URL('./payload-worker.ts', import.meta.url).href)
    opened.onmessage = ({ data }: MessageEvent<PayloadAnswer>) => {
      const answer = waiting.get(data.id)
      waiting.delete(data.id)
      if ('value' in data) answer?.resolve(data.value)
      else answer?.reject(new PayloadError(data.problem, data.message))
    }
    opened.onerror = ({ message }) => fail(message)
    opened.addEventListener('close', () => {
      if (worker === opened) fail('The worker that keeps payloads has ended.')
    })
    opened.unref()
    opened.postMessage({ id: 0, kind: 'open', file, key: key() } satisfies PayloadRequest)
    return opened
  }
  return {
    ask(question, moved = []) {
      worker ??= open()
      const id = ++last
      const answer = Promise.withResolvers<unknown>()
      waiting.set(id, answer)
      worker.postMessage({ ...question, id } satisfies PayloadRequest, [...moved])
      return answer.promise
    },
    async close() {
      const closing = worker
      fail('The payloads are closed.')
      if (closing === undefined) return
      // Until it has ended, its connection is open.
      const { promise: ended, resolve } = Promise.withResolvers<void>()
      closing.addEventListener('close', () => resolve())
      closing.terminate()
      await Promise.race([ended, Bun.sleep(LONGEST_END_MS)])
    },
  }
}

/** For whoever asked through the API. */
export function toUserProblem(error: unknown, file: string): GatewayError {
  const message = error instanceof PayloadError ? sentenceOf(error, file) : 'Internal error.'
  return new GatewayError(error instanceof PayloadError ? 'unavailable' : 'internal', message, {
    cause: error,
  })
}

/** What is the matter and what to do. */
export function sentenceOf(error: unknown, file: string): string {
  if (!(error instanceof PayloadError)) return `Payloads cannot be kept in ${file}.`
  switch (error.problem) {
    case 'full':
      return 'The disk is full, so payloads are not being kept. Make room, or lower payloadBudgetBytes.'
    case 'damaged':
      return `The file ${file} is damaged, so payloads are not being kept. Stop the gateway, move it and its -wal and -shm files aside, and start again: a new one is begun.`
    case 'unreachable':
      return `The file ${file} cannot be written or read (${error.message}), so payloads are not being kept. Check its owner, its permissions and its disk.`
    case 'sealed':
      return error.message
    case 'other':
      return `Payloads cannot be kept or read: ${error.message}`
  }
}
