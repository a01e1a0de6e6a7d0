/**
 * The feeds behind the contract's streams. The type says that every stream has one, with the
 * events that the contract names.
 */
import type { StreamEvent, StreamName } from './contract.ts'
import { eventsOf } from './live.ts'
import type { LiveFeed, Services } from './services.ts'
import { toRequestView } from './views.ts'

type StreamFeeds = { readonly [Name in StreamName]: LiveFeed<StreamEvent<Name>> }

export const createStreams = ({ feed }: Services): StreamFeeds => ({
  streamRequests: eventsOf(feed, (row) => ({ id: row.id, event: 'request', data: toRequestView(row) })),
})
