/**
 * A stream of the contract from its reader's side: typed events, one after the other, until
 * the connection ends. Whoever wants to go on opens it anew with the last id that was seen.
 */

import type { Transport } from './client.ts'
import { type StreamEvent, type StreamName, streams } from './contract.ts'
import { toApiError } from './error.ts'

export interface WatchOptions {
  /** What came after it is sent first, as far as the server remembers. */
  readonly lastEventId?: string | undefined
  readonly query?: Readonly<Record<string, string>>
}

/**
 * Resolves when the server has taken it up. Throws ApiError when it refuses, and what the
 * transport throws; after that the events simply end, by whatever way the connection does.
 */
export async function watch<Name extends StreamName>(
  transport: Transport,
  name: Name,
  { lastEventId, query = {} }: WatchOptions = {},
): Promise<AsyncIterable<StreamEvent<Name>>> {
  const search = Object.keys(query).length === 0 ? '' : `?${new URLSearchParams(query)}`
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
  const response = await transport(`${streams[name].path}${search}`, { headers })
  if (!response.ok || response.body === null) throw await toApiError(response)
  return eventsIn<Name>(response.body)
}

async function* eventsIn<Name extends StreamName>(
  body: NonNullable<Response['body']>,
): AsyncIterable<StreamEvent<Name>> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  try {
    for (let text = ''; ; ) {
      const { done, value } = await reader.read().catch(() => ENDED)
      if (done) return
      const blocks = (text + value).split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const event = readEvent<Name>(block)
        if (event !== undefined) yield event
      }
    }
  } finally {
    // Whoever stops reading ends the connection.
    await reader.cancel().catch(() => {})
  }
}

const ENDED = { done: true, value: undefined } as const

/** As the server writes them; a comment or anything else is none. */
function readEvent<Name extends StreamName>(block: string): StreamEvent<Name> | undefined {
  const [, id, event, data] = /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(block) ?? []
  return data === undefined ? undefined : ({ id, event, data: JSON.parse(data) } as StreamEvent<Name>)
}
