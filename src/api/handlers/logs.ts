/** The handlers of the log. */
import type { Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import { readMoment } from '../moments.ts'
import type { Services } from '../services.ts'

export const logHandlers = ({ logs, clock }: Services): Pick<Handlers, 'listLogs'> => ({
  async listLogs({ query }: Input<'listLogs'>) {
    const { limit, cursor, level, text, request, since } = query
    // One more than asked for tells whether that is all.
    const found = logs.history({
      limit: limit + 1,
      level,
      ...(text === undefined ? {} : { text }),
      ...(request === undefined ? {} : { request }),
      ...(since === undefined ? {} : { since: readMoment('since', since, clock.now()) }),
      ...(cursor === undefined ? {} : { before: cursor }),
    })
    const page = found.slice(0, limit)
    const last = page.at(-1)
    return {
      logs: page.map((line) => ({ ...line, fields: { ...line.fields } })),
      ...(found.length > limit && last !== undefined ? { nextCursor: last.id } : {}),
    }
  },
})
