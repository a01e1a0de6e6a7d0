/**
 * An upstream that does what a request's header asks of it: to answer, to stall in a given
 * phase, or to break in a given way. Used by the soak test; what clients do stands there.
 */
import { errorEvent, PING, streamEvents } from '../../src/simulator/events.ts'
import { healthyReply, simulatedMessage } from '../../src/simulator/healthy.ts'
import * as reply from '../../src/simulator/replies.ts'
import { type Received, type Simulator, startSimulator } from '../../src/simulator/simulator.ts'
import { BEGINNING, BROKEN_STREAMS, CUT_MESSAGE, ERROR_IN_STREAM, MODEL } from './sdk.ts'

export interface SoakUpstream {
  readonly simulator: Simulator
  /** A plan's header for one request; `asked` resolves when an attempt with it has arrived. */
  order(plan: Plan): { readonly headers: Readonly<Record<string, string>>; readonly asked: Promise<void> }
}

export type Plan = 'healthy' | Stall | 'flood' | (typeof BREAKS)[number]
/** The phases in which an upstream can leave a client waiting. */
export type Stall = 'stall before the head' | 'stall before content' | 'stall in the stream'

const HEADER = 'x-test-plan'
/** Several times what sockets take by themselves. */
const FLOOD_BYTES = 6 << 20

const simulated = simulatedMessage(MODEL, { number: 1, body: Buffer.alloc(80) })
const EVENTS = streamEvents(simulated)

const REPLIES = new Map<string, reply.Reply>([
  ['stall before the head', [reply.stall]],
  ['stall before content', reply.brokenStream([...EVENTS.slice(0, 1), PING], [reply.stall])],
  ['stall in the stream', reply.brokenStream(BEGINNING, [reply.stall])],
  ['flood', floodReply()],
  ['a reset before the head', [reply.reset]],
  ['an end before the head', [reply.close]],
  ['garbage', [reply.send('\u0016\u0003\u0001 not http\r\n\r\n')]],
  ['half a head', [reply.send('HTTP/1.1 200 OK\r\ncontent-ty'), reply.close]],
  ['two lengths', [reply.send('HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc')]],
  ['a large head', [reply.send(`HTTP/1.1 200 OK\r\nx-large: ${'x'.repeat(200_000)}\r\n\r\n`)]],
  ['an end after the head', reply.brokenStream([], [reply.close])],
  ['an error for a first event', reply.eventStream([errorEvent('overloaded_error', 'Overloaded')])],
  ['an error in the stream', ERROR_IN_STREAM],
  ['a cut message', CUT_MESSAGE],
  ['more bytes than announced', [...reply.message(simulated), reply.send('HTTP/1.1 200 surplus')]],
  ['byte by byte', reply.byByte(reply.stream(simulated))],
  ['a refusal', reply.badRequest],
  ['a server error', reply.serverError],
  ['an overload', reply.overloaded],
  ['a throttle', reply.throttled(1)],
  ['a web page', reply.whole(502, '<html>Bad gateway</html>', [['content-type', 'text/html']])],
  ...BROKEN_STREAMS,
])

/** All that is neither an answer nor a wait. */
export const BREAKS = [...REPLIES.keys()].filter((name) => !name.startsWith('stall') && name !== 'flood')

export function startSoakUpstream(keys: readonly string[]): SoakUpstream {
  const simulator = startSimulator({ keeps: 0 })
  const waiting = new Map<string, () => void>()
  let orders = 0
  const behave = (request: Received): reply.Reply => {
    const [plan = '', id = ''] = orderOf(request)
    waiting.get(id)?.()
    waiting.delete(id)
    // Throttled accounts are set aside: one of them at a time, so that the healthy are always served.
    if (plan === 'a throttle' && request.key !== keys[0]) return healthyReply(request)
    return REPLIES.get(plan) ?? healthyReply(request)
  }
  for (const key of keys) simulator.always(key, behave)
  return {
    simulator,
    order(plan) {
      const id = String(++orders)
      const { promise: asked, resolve } = Promise.withResolvers<void>()
      waiting.set(id, resolve)
      return { headers: { [HEADER]: `${plan}|${id}` }, asked }
    },
  }
}

const orderOf = ({ headers }: Received): readonly string[] =>
  headers.find(([name]) => name === HEADER)?.[1].split('|') ?? []

function floodReply(): reply.Reply {
  const [start = '', ...rest] = EVENTS
  const [block = ''] = rest
  const delta = `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"${'x'.repeat(65_000)}"}}\n\n`
  const deltas = Array.from({ length: Math.ceil(FLOOD_BYTES / delta.length) }, () => delta)
  return reply.eventStream([start, block, ...deltas, ...EVENTS.slice(-3)])
}
