/**
 * The simulated upstream of the benchmark, a process of its own: leaner than src/simulator,
 * because it shares a core with the generator. Counts a request's bytes, keeps none of them,
 * and answers with prepared bytes. Prints its port; leaves when its standard input ends.
 */
import type { Socket } from 'bun'
import { SHAPE_HEADER } from './protocol.ts'
import { heldAnswer, type StreamAnswer, streamAnswer, wholeAnswer } from './upstream-answers.ts'

interface Connection {
  /** The beginning of a head that has not come whole. */
  held: Buffer | undefined
  bodyLeft: number
  /** What the request being read asked for; undefined between two requests. */
  shape: string | undefined
  timer: ReturnType<typeof setInterval> | undefined
  unsent: Uint8Array | undefined
}

const HEAD_END = Buffer.from('\r\n\r\n')
const LENGTH = /\r\ncontent-length: *(\d+)/i
const SHAPE = new RegExp(`\\r\\n${SHAPE_HEADER}: *([\\w/]+)`, 'i')

const whole = wholeAnswer()
const hold = heldAnswer()
const streams = new Map<number, StreamAnswer>()

const listener = Bun.listen<Connection>({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    open(socket) {
      socket.setNoDelay(true)
      socket.data = { held: undefined, bodyLeft: 0, shape: undefined, timer: undefined, unsent: undefined }
    },
    data: take,
    drain(socket) {
      const rest = socket.data.unsent
      socket.data.unsent = undefined
      if (rest !== undefined) write(socket, rest)
    },
    end: (socket) => void socket.end(),
    close: (socket) => clearInterval(socket.data?.timer),
    error: (socket) => void socket.terminate(),
  },
})
process.stdout.write(`${JSON.stringify({ port: listener.port })}\n`)
for await (const _ of Bun.stdin.stream());
process.exit(0)

function take(socket: Socket<Connection>, bytes: Buffer): void {
  const connection = socket.data
  let rest = bytes
  if (connection.shape === undefined) {
    rest = connection.held === undefined ? bytes : Buffer.concat([connection.held, bytes])
    const end = rest.indexOf(HEAD_END)
    if (end < 0) {
      connection.held = Buffer.from(rest)
      return
    }
    connection.held = undefined
    const head = rest.toString('latin1', 0, end)
    connection.bodyLeft = Number(LENGTH.exec(head)?.[1])
    if (Number.isNaN(connection.bodyLeft)) return refuse(socket)
    connection.shape = SHAPE.exec(head)?.[1] ?? ''
    rest = rest.subarray(end + HEAD_END.length)
  }
  connection.bodyLeft -= rest.length
  if (connection.bodyLeft > 0) return
  const { shape } = connection
  connection.shape = undefined
  answer(socket, shape)
}

/** Requests come one by one, with their length: anything else is a fault of the benchmark. */
function refuse(socket: Socket<Connection>): void {
  socket.write('HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
  socket.end()
}

function answer(socket: Socket<Connection>, shape: string): void {
  if (shape === '') return write(socket, whole)
  if (shape === 'hold') return write(socket, hold)
  const [count = 0, paceMs = 0] = shape.split('/').map(Number)
  const stream = streams.get(count) ?? streamAnswer(count)
  streams.set(count, stream)
  play(socket, stream, paceMs)
}

/** The opening and the first content at once, then an event at every beat, each written by itself. */
function play(socket: Socket<Connection>, { opening, events }: StreamAnswer, paceMs: number): void {
  let next = 0
  const beat = (): void => {
    const bytes = events[next++]
    if (bytes !== undefined) write(socket, bytes)
    if (next < events.length) return
    clearInterval(socket.data.timer)
    socket.data.timer = undefined
  }
  write(socket, opening)
  beat()
  socket.data.timer = setInterval(beat, paceMs)
}

function write(socket: Socket<Connection>, bytes: Uint8Array): void {
  const { data } = socket
  if (data.unsent !== undefined) {
    data.unsent = Buffer.concat([data.unsent, bytes])
    return
  }
  const taken = Math.max(0, socket.write(bytes))
  if (taken < bytes.length) data.unsent = Buffer.from(bytes.subarray(taken))
}
