/**
 * One keep-alive connection of the generator: writes a request's bytes, resolves with its
 * answer. Must not know when requests are due.
 */
import type { Socket } from 'bun'
import { type Answer, createAnswerReader } from './answer.ts'

export interface Wire {
  readonly isOpen: boolean
  /** Resolves at the last byte, and tells when that was. Rejects when the connection breaks. */
  ask(request: Uint8Array): Promise<Answered>
  /** Resolves as soon as content has come, and leaves the answer open. */
  open(request: Uint8Array): Promise<void>
  close(): void
}

export interface Answered {
  readonly answer: Answer
  readonly endedAt: number
}

interface State {
  unsent: Uint8Array | undefined
  take: (bytes: Buffer) => void
  lose: (error: Error) => void
  isOpen: boolean
}

const ignore = (): void => {}

export async function connectWire(port: number): Promise<Wire> {
  const state: State = { unsent: undefined, take: ignore, lose: ignore, isOpen: true }
  const lose = (error: Error): void => {
    state.isOpen = false
    state.lose(error)
  }
  const socket = await Bun.connect<undefined>({
    hostname: '127.0.0.1',
    port,
    socket: {
      open: (opened) => void opened.setNoDelay(true),
      data: (_, bytes) => state.take(bytes),
      drain: (drained) => {
        const rest = state.unsent
        state.unsent = undefined
        if (rest !== undefined) send(drained, state, rest)
      },
      end: () => lose(new Error('the connection was ended')),
      close: () => lose(new Error('the connection was closed')),
      error: (_, error) => lose(error),
    },
  })
  /** Follows one answer until `isDone` says so; an answer that cannot be read ends the connection. */
  const follow = (request: Uint8Array, isDone: (reader: Reader) => boolean): Promise<Answered> => {
    const { promise, resolve, reject } = Promise.withResolvers<Answered>()
    const reader = createAnswerReader()
    state.lose = reject
    state.take = (bytes) => {
      const now = performance.now()
      try {
        reader.feed(bytes, now)
      } catch (error) {
        socket.terminate()
        return reject(error instanceof Error ? error : new Error(String(error)))
      }
      if (!isDone(reader)) return
      state.take = ignore
      state.lose = ignore
      resolve({ answer: reader.answer, endedAt: now })
    }
    send(socket, state, request)
    return promise
  }
  return {
    get isOpen() {
      return state.isOpen
    },
    ask: (request) => follow(request, ({ isComplete }) => isComplete),
    async open(request) {
      const { answer } = await follow(
        request,
        (reader) => reader.answer.contentAt !== undefined || reader.isComplete,
      )
      if (answer.contentAt === undefined) throw new Error(`status ${answer.status} instead of an open stream`)
    },
    close: () => socket.terminate(),
  }
}

type Reader = ReturnType<typeof createAnswerReader>

function send(socket: Socket<undefined>, state: State, bytes: Uint8Array): void {
  const taken = Math.max(0, socket.write(bytes))
  if (taken < bytes.length) state.unsent = bytes.subarray(taken)
}
