/** The handler of /api/audit. It only reads: entries are written where a call was answered. */
import { toIso } from '../../core/time.ts'
import type { Handlers } from '../handlers.ts'
import { readMoment } from '../moments.ts'
import type { Services } from '../services.ts'
import { definedOnly } from '../views.ts'

export const auditHandlers = ({ audit, clock }: Services): Pick<Handlers, 'listAudit'> => ({
  /** One entry more than asked for tells whether there is another page. */
  async listAudit({ query: { limit, cursor, action, who, since } }) {
    const found = await audit.list({
      ...definedOnly({ action, who, before: cursor }),
      ...(since === undefined ? {} : { since: readMoment('since', since, clock.now()) }),
      limit: limit + 1,
    })
    const page = found.slice(0, limit)
    const last = page.at(-1)
    return {
      entries: page.map(({ at, role, target, from, to, ...entry }) => ({
        ...entry,
        at: toIso(at),
        ...definedOnly({ role, target, from, to }),
      })),
      ...(found.length > limit && last !== undefined ? { nextCursor: last.id } : {}),
    }
  },
})
