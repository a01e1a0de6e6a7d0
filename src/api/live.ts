/**
 * What happens as it happens, as server-sent events with ids: a client that comes back with
 * `Last-Event-ID` misses nothing that is still remembered. A reader that is too slow is cut
 * off rather than waited for, and the end of the feed is the end of the stream.
 */
import type { LiveFeed } from './services.ts'

const PING_MS = 15_000
/** More than a feed remembers, all of which may be due at once. */
const MOST_WAITING = 2_000

export interface LiveEvent {
  readonly id: string
  readonly event: string
  /** As JSON. */
  readonly data: unknown
}

/** A feed of anything as a feed of events. */
export const eventsOf = <T, Event extends LiveEvent>(
  feed: LiveFeed<T>,
  toEvent: (item: T) => Event,
): LiveFeed<Event> => ({
  since: (after) => feed.since(after).map(toEvent),
  subscribe: (listener, ended) => feed.subscribe((item) => listener(toEvent(item)), ended),
})

/** A feed without what nobody asked for. */
export const filtered = <T>(feed: LiveFeed<T>, isWanted: (item: T) => boolean): LiveFeed<T> => ({
  since: (after) => feed.since(after).filter(isWanted),
  subscribe: (listener, ended) => feed.subscribe((item) => isWanted(item) && listener(item), ended),
})

export function streamEvents(feed: LiveFeed<LiveEvent>, lastEventId: string | undefined): Response {
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
        const unsubscribe = feed.subscribe((event) => send(write(event)), end)
        const timer = setInterval(() => send(': ping\n\n'), PING_MS)
        stop = () => {
          unsubscribe()
          clearInterval(timer)
        }
        send(': connected\n\n')
        for (const event of feed.since(lastEventId)) send(write(event))
      },
      cancel: () => stop(),
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

const write = ({ id, event, data }: LiveEvent): string =>
  `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
