/** A stream that is kept alive while its request is held. */
import { describe, expect, it } from 'bun:test'
import { NOON } from '../../test/support/samples.ts'
import { tickingClock } from '../../test/support/ticking-clock.ts'
import type { Headers } from '../core/headers.ts'
import type { Reply } from '../core/ports/client.ts'
import { SECOND } from '../core/time.ts'
import { createHeldReply } from './held-reply.ts'

const STREAM: Headers = [['content-type', 'text/event-stream']]
const JSON_HEAD: Headers = [['content-type', 'application/json']]

describe('before its first ping', () => {
  it('is a reply like any other', () => {
    const { held, sent } = open()
    held.start(429, JSON_HEAD, 2)
    held.end(Buffer.from('{}'))
    expect(sent).toEqual(['429 application/json', '{}', 'end'])
  })

  it('sends no ping once the answer has begun', async () => {
    const { held, sent, clock } = open()
    held.keepAlive()
    held.start(200, STREAM, undefined)
    await clock.advance(60 * SECOND)
    expect(sent).toEqual(['200 text/event-stream'])
  })
})

describe('kept alive', () => {
  it('is a stream of pings, one in ten seconds', async () => {
    const { held, sent, clock } = open()
    held.keepAlive()
    held.keepAlive()
    await clock.advance(9 * SECOND)
    expect(sent).toEqual([])
    await clock.advance(11 * SECOND)
    expect(sent).toEqual(['200 text/event-stream', PING, PING])
    expect(held.hasStarted).toBe(false)
  })

  it('goes on with the answer that is found, without a second head', async () => {
    const { held, sent } = await pinged()
    held.start(200, STREAM, undefined)
    void held.write(Buffer.from('event: message_start\n\n'))
    held.end()
    expect(sent.slice(2)).toEqual(['event: message_start\n\n', 'end'])
  })

  it('ends with an error event where the answer is a refusal', async () => {
    const { held, sent } = await pinged()
    held.start(429, JSON_HEAD, 30)
    held.end(Buffer.from('{"type":"error",\n"error":{}}'))
    expect(sent.slice(2)).toEqual(['event: error\ndata: {"type":"error", "error":{}}\n\n', 'end'])
  })

  it('does not put compressed bytes behind plain ones', async () => {
    const { held, sent } = await pinged()
    held.start(200, [...STREAM, ['content-encoding', 'gzip']], undefined)
    expect(sent.slice(2)).toEqual(['break'])
  })

  it('pings no more when it is broken off', async () => {
    const { held, sent, clock } = await pinged()
    held.break()
    await clock.advance(60 * SECOND)
    expect(sent.slice(2)).toEqual(['break'])
  })
})

const PING = 'event: ping\ndata: {"type":"ping"}\n\n'

function open() {
  const clock = tickingClock(NOON)
  const sent: string[] = []
  const write = (bytes: Uint8Array): undefined => void sent.push(Buffer.from(bytes).toString())
  const reply: Reply = {
    start: (status, headers) => void sent.push(`${status} ${headers[0]?.[1]}`),
    write,
    end(bytes) {
      if (bytes !== undefined) write(bytes)
      sent.push('end')
    },
    break: () => void sent.push('break'),
    hasStarted: false,
  }
  return { clock, sent, held: createHeldReply(reply, { clock, headers: () => [] }) }
}

async function pinged() {
  const opened = open()
  opened.held.keepAlive()
  await opened.clock.advance(10 * SECOND)
  return opened
}
