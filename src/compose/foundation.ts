/**
 * What everything else stands on: the locked data directory, the configuration, the log, the
 * secrets and the storage, opened in the one order that works. Whatever fails here fails with
 * a sentence, before anything was changed.
 */
import { existsSync, readFileSync } from 'node:fs'
import { type Finding, resolveConfig } from '../config.ts'
import type { Account } from '../core/account.ts'
import { GatewayError, messageOf } from '../core/error.ts'
import type { SecretBox } from '../core/ports/secrets.ts'
import { systemClock } from '../platform/clock.ts'
import { type DataDirectory, openDataDirectory, readSecretKey } from '../platform/data-directory.ts'
import { createSecretBox, derivedKey } from '../platform/secret-box.ts'
import { type Database, DatabaseError } from '../storage/database.ts'
import { assertKey, isUnsealed } from '../storage/key-check.ts'
import type { ClosablePayloads } from '../storage/payloads.ts'
import { openPostgres } from '../storage/postgres.ts'
import { openSettings } from '../storage/settings.ts'
import { openSqlite } from '../storage/sqlite.ts'
import { openStorage, type Storage } from '../storage/storage.ts'
import { type ConfigService, createConfigService } from './config-service.ts'
import { type Logging, type LoggingOptions, openLogging } from './logging.ts'
import { openPayloads } from './payloads.ts'
import type { Places } from './places.ts'
import { createProblems, type Problems } from './problems.ts'
import { bringUpToDate } from './schema-update.ts'

export interface Foundation extends Logging {
  readonly directory: DataDirectory
  readonly config: ConfigService
  readonly secrets: SecretBox
  readonly storage: Storage
  readonly payloads: ClosablePayloads
  readonly problems: Problems
  /** Called with the accounts now and after every change. */
  onAccounts(listener: (accounts: readonly Account[]) => void): void
  close(): Promise<void>
}

export interface FoundationOptions extends LoggingOptions {
  readonly dataDirectory: string
  readonly configFile: string
  readonly flags: Readonly<Record<string, unknown>>
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Throws GatewayError. */
export async function openFoundation(options: FoundationOptions): Promise<Foundation> {
  const { flags, environment } = options
  const sources = { flags, environment, file: readConfigFile(options.configFile) }
  const early = resolveConfig({ ...sources, stored: new Map() })
  if (early.findings.length > 0) throw new GatewayError('bad-request', describeFindings(early.findings))
  const directory = openDataDirectory(options.dataDirectory)
  let database: Database | undefined
  let logging: Logging | undefined
  try {
    const { databaseUrl } = early.settings
    database = databaseUrl === '' ? openSqlite(directory.databaseFile) : await openPostgres(databaseUrl)
    await bringUpToDate(database, directory.path)
    let accounts: readonly Account[] = []
    const config = createConfigService(sources, await openSettings(database), () => accounts)
    const { secrets, payloadKey } = await openSecrets(database, directory, environment)
    logging = openLogging(options, config.settings, directory.path)
    const { log, logFile } = logging
    const listeners = new Set<(accounts: readonly Account[]) => void>()
    const storage = await openStorage({
      database,
      clock: systemClock,
      log,
      journalFile: directory.journalFile,
      rescueFile: directory.rescueFile,
      newId: () => Bun.randomUUIDv7(),
      sessionMs: config.settings().sessionDurationMs,
      onAccounts: (present) => {
        accounts = present
        for (const listener of listeners) listener(present)
      },
    })
    accounts = storage.accounts.all()
    const payloads = openPayloads({ file: directory.payloadFile, key: payloadKey }, config, log)
    return {
      directory,
      config,
      ...logging,
      secrets,
      storage,
      payloads,
      problems: createProblems(storage.database.problems, () => problemIn(payloads)),
      onAccounts(listener) {
        listeners.add(listener)
        listener(storage.accounts.all())
      },
      async close() {
        await Promise.all([storage.close(), payloads.close()])
        directory.release()
        await logFile?.flush()
        logFile?.close()
      },
    }
  } catch (error) {
    await database?.close()
    directory.release()
    logging?.logFile?.close()
    throw toStartError(error, database)
  }
}

/** A database that opens and then takes nothing: most likely its disk is full. */
function toStartError(error: unknown, database: Database | undefined): unknown {
  if (!(error instanceof DatabaseError) || database === undefined) return error
  const message = `The database ${database.place} cannot be used: ${error.message}. Is its disk full, or damaged?`
  return new GatewayError('unavailable', message, { cause: error })
}

const problemIn = (payloads: ClosablePayloads): readonly string[] => [payloads.status().problem ?? []].flat()

async function openSecrets(
  database: Database,
  directory: DataDirectory,
  { SPILLWAY_SECRET_KEY: setting }: FoundationOptions['environment'],
): Promise<{ readonly secrets: SecretBox; readonly payloadKey: Buffer }> {
  const isFresh = await isUnsealed(database)
  const { key, place } = readSecretKey(directory.path, setting === '' ? undefined : setting, isFresh)
  const secrets = createSecretBox(key, place)
  await assertKey(database, secrets, place)
  return { secrets, payloadKey: derivedKey(key, 'payload') }
}

/** Whether the configuration file was named and is not there; a default one need not be. */
export const isMissing = ({ configFile, isConfigFileNamed }: Places): boolean =>
  isConfigFileNamed === true && !existsSync(configFile)

/** With comments, if somebody likes. A missing file is an empty one; a broken one is an error that names it. */
export function readConfigFile(path: string): {
  readonly path: string
  readonly values: Readonly<Record<string, unknown>>
} {
  if (!existsSync(path)) return { path, values: {} }
  try {
    const values: unknown = Bun.JSONC.parse(readFileSync(path, 'utf8'))
    if (typeof values === 'object' && values !== null && !Array.isArray(values))
      return { path, values: { ...values } }
  } catch (cause) {
    throw new GatewayError(
      'bad-request',
      `The configuration file ${path} cannot be read: ${messageOf(cause)}.`,
      { cause },
    )
  }
  throw new GatewayError(
    'bad-request',
    `The configuration file ${path} must hold one JSON object of settings.`,
  )
}

const describeFindings = (findings: readonly Finding[]): string =>
  `The configuration is not valid. ${findings.map(({ path, message }) => `${path}: ${message}`).join(' ')}`
