/**
 * Ledger rows as they are booked, as server-sent events with ids: a client that comes back
 * with `Last-Event-ID` misses nothing that is still remembered. A reader that is too slow
 * is cut off rather than waited for, and the end of the feed is the end of the stream.
 */
import type { LedgerRow } from '../core/ledger.ts'
import type { RequestFeed } from './services.ts'
import { toRequestView } from './views.ts'

const PING_MS = 15_000
/** More than a feed remembers, all of which may be due at once. */
const MOST_WAITING = 2_000

export function streamRequests(feed: RequestFeed, lastEventId: string | undefined): Response {
  let stop = (): void => {}
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const send = (text: string): void => {
          controller.enqueue(Buffer.from(text))
          if ((controller.desiredSize ?? 0) <= -MOST_WAITING) end()
        }
        const end = (): void => {
          stop()
          controller.close()
        }
        const unsubscribe = feed.subscribe((row) => send(eventOf(row)), end)
        const timer = setInterval(() => send(': ping\n\n'), PING_MS)
        stop = () => {
          unsubscribe()
          clearInterval(timer)
        }
        send(': connected\n\n')
        for (const row of feed.since(lastEventId)) send(eventOf(row))
      },
      cancel: () => stop(),
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

const eventOf = (row: LedgerRow): string =>
  `id: ${row.id}\nevent: request\ndata: ${JSON.stringify(toRequestView(row))}\n\n`
