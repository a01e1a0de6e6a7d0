/**
 * Has forgotten what is past its retention: hourly, and soon after the settings for it were
 * changed. By a clock that is believed, in small steps in the background.
 */
import type { Clock } from '../core/ports/clock.ts'
import type { Log } from '../core/ports/log.ts'
import { DAY, HOUR, later, MINUTE, type Millis, toMillis } from '../core/time.ts'
import type { Settings } from '../settings.ts'
import type { Storage } from '../storage/storage.ts'
import { createClockWatch } from './clock-watch.ts'
import type { Foundation } from './foundation.ts'

const PAUSE_MS = 50
const LOOK_MS = 5_000
const EVERY_MS = HOUR
const FIRST_AFTER_MS = MINUTE
/** What the budget for the database never takes. */
const ALWAYS_KEPT_MS = HOUR
/** Conversations that were not used for so long are over, however long a session lasts. */
const BINDINGS_KEPT_MS = DAY

/** Gives the function that ends it. */
export function startRetention(
  {
    storage,
    payloads,
    config,
    log,
    problems,
  }: Pick<Foundation, 'storage' | 'config' | 'log' | 'problems'> & {
    readonly payloads: Pick<Foundation['payloads'], 'trim'>
  },
  clock: Clock,
): () => void {
  const { database, retention } = storage
  const watch = createClockWatch({ clock, database, newest: retention.newestRequest })
  let isStopped = false
  let failure: string | undefined
  let isOverBudget = false
  let wish = wishIn(config.settings())
  let due = clock.elapsed() + FIRST_AFTER_MS
  const isOver = (): boolean => isStopped

  const run = async (): Promise<void> => {
    try {
      const now = await watch.trusted()
      const settings = config.settings()
      await forgetOld(storage, { now, settings, log, isOver })
      isOverBudget = !(await fitIntoBudget(storage, { now, settings, log, isOver }))
      await retention.shrink(isOver)
      await payloads.trim(now)
      failure = undefined
    } catch (error) {
      if (isStopped) return
      log.error('What is past its retention could not be deleted.', error)
      failure =
        'What is past its retention could not be deleted; the log says why. It is tried again every hour.'
    }
  }
  const look = async (): Promise<void> => {
    const present = wishIn(config.settings())
    if (watch.hasJumped() || present !== wish || clock.elapsed() >= due) {
      wish = present
      due = clock.elapsed() + EVERY_MS
      await run()
    }
    if (!isStopped) cancel = clock.after(LOOK_MS, () => void look())
  }
  let cancel = clock.after(LOOK_MS, () => void look())
  problems.add(() => [
    ...watch.problems(),
    ...(failure === undefined ? [] : [failure]),
    ...(isOverBudget
      ? ['The database is larger than databaseMaxBytes allows, even without older ledger rows.']
      : []),
  ])
  return () => {
    isStopped = true
    cancel()
  }
}

/** What a change of must take effect soon. */
const wishIn = ({ requestRetentionDays, databaseMaxBytes, payloadRetentionDays }: Settings): string =>
  `${requestRetentionDays} ${databaseMaxBytes} ${payloadRetentionDays}`

interface Run {
  readonly now: Millis
  readonly settings: Settings
  readonly log: Log
  readonly isOver: () => boolean
}

async function forgetOld(
  { ledger, readings, keyUsage, sessions, retention }: Storage,
  { now, settings, log, isOver }: Run,
): Promise<void> {
  await readings.thin(now)
  await keyUsage.forget(now)
  while (!isOver() && (await ledger.trimHistory(now))) await Bun.sleep(PAUSE_MS)
  await retention.forgetOwners(isOver)
  await retention.forgetBindings(later(now, -Math.max(BINDINGS_KEPT_MS, settings.sessionDurationMs)), isOver)
  const days = settings.requestRetentionDays
  const before = days === 0 ? toMillis(0) : later(now, -days * DAY)
  // Those that are too many go, however long the rest is kept.
  while (!isOver() && (await sessions.forget(before)) > 0) await Bun.sleep(PAUSE_MS)
  if (days === 0) return
  await retention.forgetEvents(before, isOver)
  const forgotten = await retention.forgetRequests(before, isOver)
  if (forgotten > 0) log.info(`${forgotten} ledger rows older than ${days} days were forgotten.`)
}

/** Whether it fits; PostgreSQL keeps its own house. */
async function fitIntoBudget(
  { database, retention }: Storage,
  { now, settings: { databaseMaxBytes }, log, isOver }: Run,
): Promise<boolean> {
  if (databaseMaxBytes === 0 || database.kind === 'postgres') return true
  const { forgotten, fits } = await retention.fitInto(databaseMaxBytes, later(now, -ALWAYS_KEPT_MS), isOver)
  if (forgotten > 0)
    log.info(
      `${forgotten} of the oldest ledger rows were forgotten, to keep the database within databaseMaxBytes.`,
    )
  return fits
}
