/**
 * A whole history of readings, page by page: a store gives the oldest first and no more than is
 * asked for at once, and a forecast that only saw the oldest would be wrong without a word.
 * Pages are small, so that each is handed over quickly.
 */
import type { ReadingQuery, ReadingStore, StoredReading } from './ports/stores.ts'

const PAGE = 2_000

/** Every reading that matches; `page` is for tests. */
export async function readAll(
  store: Pick<ReadingStore, 'list'>,
  query: Omit<ReadingQuery, 'limit'>,
  page = PAGE,
): Promise<readonly StoredReading[]> {
  const found = new Map<string, StoredReading>()
  let { since } = query
  let limit = page
  for (;;) {
    const next = await store.list({ ...query, since, limit })
    for (const reading of next) found.set(`${reading.account} ${reading.window} ${reading.at}`, reading)
    const last = next.at(-1)
    if (last === undefined || next.length < limit) return [...found.values()]
    // The next page begins with the moment that the last one may have been cut in; where a page holds one moment only, it has to be longer.
    limit = last.at === since ? limit * 2 : page
    since = last.at
  }
}
