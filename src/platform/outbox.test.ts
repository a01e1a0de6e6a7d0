/** What a slow socket does not take waits in order, and whoever writes waits with it (G10). */
import { afterEach, describe, expect, it } from 'bun:test'
import type { Socket, TCPSocketListener } from 'bun'
import { eventually } from '../../test/support/world.ts'
import { createOutbox, type Outbox } from './outbox.ts'

let listener: TCPSocketListener<undefined> | undefined
afterEach(() => listener?.stop(true))

interface Line {
  readonly outbox: Outbox
  /** What the other end has read. */
  received(): Buffer
  /** The other end reads from now on; until then it does not. */
  read(): void
}

/** Two ends of a real connection. */
async function open(): Promise<Line> {
  const pieces: Buffer[] = []
  let outbox: Outbox | undefined
  const accepted = Promise.withResolvers<Socket<undefined>>()
  listener = Bun.listen<undefined>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open: (socket) => accepted.resolve(socket),
      data() {},
      drain: () => outbox?.flush(),
    },
  })
  const reader = await Bun.connect<undefined>({
    hostname: '127.0.0.1',
    port: listener.port,
    socket: { data: (_, bytes) => void pieces.push(Buffer.from(bytes)) },
  })
  reader.pause()
  outbox = createOutbox(await accepted.promise)
  return { outbox, received: () => Buffer.concat(pieces), read: () => void reader.resume() }
}

const numbered = (number: number): Uint8Array => Buffer.alloc(64 << 10, number % 251)

describe('an outbox', () => {
  it('hands on what the socket takes and keeps nothing', async () => {
    const { outbox, received, read } = await open()
    read()
    outbox.write([Buffer.from('one '), Buffer.from('two')])
    expect(outbox.isEmpty).toBe(true)
    await outbox.drained()
    await eventually(() => received().toString() === 'one two', 'both pieces')
  })

  it('keeps what the socket does not take, in order and whole, until it does', async () => {
    const { outbox, received, read } = await open()
    const pieces = Array.from({ length: 400 }, (_, index) => numbered(index))
    for (const piece of pieces) outbox.write([piece])
    expect(outbox.isEmpty).toBe(false)
    let isDrained = false
    const draining = outbox.drained().then(() => {
      isDrained = true
    })
    await Promise.resolve()
    expect(isDrained).toBe(false)
    read()
    await draining
    expect(outbox.isEmpty).toBe(true)
    const expected = Buffer.concat(pieces)
    await eventually(() => received().length === expected.length, 'everything')
    expect(received().equals(expected)).toBe(true)
  })

  it('lets everybody go on once it is empty', async () => {
    const { outbox, read } = await open()
    for (let n = 0; n < 200; n++) outbox.write([numbered(n)])
    const waiting = [outbox.drained(), outbox.drained(), outbox.drained()]
    read()
    await Promise.all(waiting)
    await outbox.drained()
  })

  it('that is dropped is empty, and nobody waits for it any more', async () => {
    const { outbox } = await open()
    for (let n = 0; n < 200; n++) outbox.write([numbered(n)])
    const draining = outbox.drained()
    outbox.drop()
    await draining
    expect(outbox.isEmpty).toBe(true)
  })
})
