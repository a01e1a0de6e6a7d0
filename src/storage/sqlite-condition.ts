/**
 * What is known of a SQLite file's condition while it is in use: damage that somebody came
 * upon, a log that cannot be moved into it, work that keeps it from taking changes. Touches
 * no file.
 */
import { GatewayError } from '../core/error.ts'
import { DatabaseError } from './database.ts'

export interface Condition {
  /** True while it is written anew and takes no commit. */
  isCompacting: boolean
  /** Notes what an error tells of the file; gives the error back. */
  noted(error: DatabaseError): DatabaseError
  /** As a reader is told of it. */
  toReadError(error: DatabaseError): GatewayError | DatabaseError
  /** What a whole check has found. */
  checked(findings: readonly string[]): void
  /** How the last attempt to move the log into the file went. */
  checkpointed(error: unknown): void
  problems(): readonly string[]
}

/** Once may be a reader in the way of it. */
const FAILED_CHECKPOINTS_TOLD = 2

export function createCondition(file: string): Condition {
  let damage: string | undefined
  let failedCheckpoints = 0
  let checkpointFailure = ''
  const damaged = (): string =>
    `The database ${file} is damaged (${damage}). Look with "spillway db check", and restore a backup; ` +
    'what is booked meanwhile is kept in the journal where the database does not take it.'
  return {
    isCompacting: false,
    noted(error) {
      if (error.problem === 'damaged') damage ??= error.message
      return error
    },
    toReadError: (error) =>
      error.problem === 'damaged' ? new GatewayError('unavailable', damaged(), { cause: error }) : error,
    checked(findings) {
      const [first] = findings
      damage = first
    },
    checkpointed(error) {
      failedCheckpoints = error === undefined ? 0 : failedCheckpoints + 1
      if (error instanceof Error) checkpointFailure = error.message
      if (error instanceof DatabaseError && error.problem === 'damaged') damage ??= error.message
    },
    problems: () => [
      ...(damage === undefined ? [] : [damaged()]),
      ...(failedCheckpoints < FAILED_CHECKPOINTS_TOLD
        ? []
        : [
            `The database’s log ${file}-wal cannot be moved into the database and grows: ${checkpointFailure}. ` +
              'Check the owner and the permissions of both.',
          ]),
    ],
  }
}
