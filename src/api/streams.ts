/**
 * The feeds behind the contract's streams. The type says that every stream has one, with the
 * events that the contract names.
 */
import type { z } from 'zod'
import type { StreamEvent, StreamName, streams } from './contract.ts'
import { eventsOf, filtered } from './live.ts'
import type { AccountChange, LiveFeed, Services } from './services.ts'
import { toAccountView, toRequestView } from './views.ts'

type StreamFeeds = { readonly [Name in StreamName]: FeedOf<(typeof streams)[Name], StreamEvent<Name>> }

/** Where the contract lets a reader ask for some of it, the feed depends on the question. */
type FeedOf<Stream, Event> = Stream extends { readonly query: infer Query extends z.ZodType }
  ? (query: z.output<Query>) => LiveFeed<Event>
  : LiveFeed<Event>

const RANKS = { debug: 0, info: 1, warn: 2, error: 3 } as const

export const createStreams = (services: Services): StreamFeeds => ({
  streamRequests: eventsOf(services.feed, (row) => ({
    id: row.id,
    event: 'request',
    data: toRequestView(row),
  })),
  streamAccounts: eventsOf(services.accountFeed, (change) => toAccountEvent(change, services)),
  streamLogs: ({ level }) =>
    eventsOf(
      filtered(services.logs, (line) => RANKS[line.level] >= RANKS[level]),
      (line) => ({ id: line.id, event: 'log', data: { ...line, fields: { ...line.fields } } }),
    ),
})

function toAccountEvent(
  { id, kind, account }: AccountChange,
  services: Services,
): StreamEvent<'streamAccounts'> {
  if (kind === 'removed') return { id, event: 'removed', data: { id: account.id, name: account.name } }
  const { totals: _, ...data } = toAccountView(account, services)
  return { id, event: 'account', data }
}
