/** `spillway db …`: the database's size, its soundness, copies of it, and making it smaller. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Answer } from '../../api/contract.ts'
import { examples, type JsonOption, present, useClient, withJson } from '../command.ts'
import { fields, fromNow, megabytes, table } from '../format.ts'
import { EXIT, type Shell } from '../shell.ts'

interface YesOption {
  readonly yes?: boolean
}

export function addDatabaseCommands(program: Command, shell: Shell): void {
  const database = program.command('db').description('The database: its size, its soundness, copies of it.')
  addLooks(database, shell)
  addCopies(database, shell)
  addCompact(database, shell)
  addResets(database, shell)
}

function addLooks(database: Command, shell: Shell): void {
  withJson(
    database
      .command('status')
      .description('How large it is, how far back it goes, and when it was backed up.'),
  ).action((options: JsonOption) =>
    useClient(shell, async (client) => {
      const storage = await client.storage()
      present(shell, options, storage, () => showStorage(shell, storage))
    }),
  )
  withJson(database.command('check').description('Look through the whole database for damage.')).action(
    (options: JsonOption) =>
      useClient(shell, async (client) => {
        const { findings } = await client.checkDatabase()
        present(shell, options, { findings }, () => {
          for (const finding of findings) shell.output.line(finding)
          if (findings.length === 0) shell.output.line('The database is sound.')
        })
        if (findings.length > 0) shell.exitWith(EXIT.findings)
      }),
  )
}

function addCopies(database: Command, shell: Shell): void {
  const backup = database
    .command('backup')
    .description('Copy the database into a new file while everything goes on.')
    .argument('[file]', 'where to; a new file in the data directory’s backups/ otherwise')
  examples(withJson(backup), 'spillway db backup', 'spillway db backup /media/disk/spillway.db').action(
    (file: string | undefined, options: JsonOption) =>
      useClient(shell, async (client) => {
        const made = await client.backupDatabase({ body: file === undefined ? {} : { file: resolve(file) } })
        present(shell, options, made, () =>
          shell.output.line(
            `The database is copied to ${made.file} (${megabytes(made.bytes)}), and the copy is sound.`,
          ),
        )
        shell.output.note(
          'The secret key is not in it, and without the key the credentials in it cannot be opened: ' +
            'keep a copy of secret.key somewhere else.',
        )
      }),
  )
  const restore = database
    .command('restore')
    .description('Put a backup in the place of the database. The server must be stopped.')
    .argument('<file>')
    .option('--yes', 'do not ask')
  examples(withJson(restore), 'spillway db restore backups/spillway-2026-11-25T10-00-00.000Z.db').action(
    async (file: string, options: YesOption & JsonOption) => {
      const question = `Put ${file} in the place of the present database?`
      if (options.yes !== true && !(await shell.confirm(question))) return
      const restored = await shell.restoreDatabase(resolve(file))
      present(shell, options, restored, () => {
        shell.output.line(`${restored.database} is now what ${restored.from} holds.`)
        if (restored.kept !== null)
          shell.output.line(`What was there before is kept as ${restored.kept}; remove it when all is well.`)
      })
    },
  )
}

function addCompact(database: Command, shell: Shell): void {
  withJson(
    database
      .command('compact')
      .description('Write the database anew without its gaps; ledger rows wait in the journal meanwhile.'),
  ).action((options: JsonOption) =>
    useClient(shell, async (client) => {
      const { bytes } = await client.storage()
      shell.output.note(`Compacting ${megabytes(bytes)}…`)
      const result = await client.compactDatabase()
      present(shell, options, result, () =>
        shell.output.line(
          `The database had ${megabytes(result.before.bytes)} and has ${megabytes(result.after.bytes)} now.`,
        ),
      )
    }),
  )
  withJson(
    database.command('analyze').description('Have the database look again how its rows are distributed.'),
  ).action((options: JsonOption) =>
    useClient(shell, async (client) => {
      const result = await client.analyzeDatabase()
      present(shell, options, result, () => shell.output.line('The database has looked again.'))
    }),
  )
}

function addResets(database: Command, shell: Shell): void {
  withJson(
    database
      .command('reset-stats')
      .description('Begin the accounts’ totals anew; the ledger stays.')
      .option('--yes', 'do not ask'),
  ).action(async (options: YesOption & JsonOption) => {
    if (options.yes !== true && !(await shell.confirm('Begin the accounts’ totals anew?'))) return
    await useClient(shell, async (client) => {
      const result = await client.resetStats()
      present(shell, options, result, () => shell.output.line('The totals begin anew.'))
    })
  })
  const clear = database
    .command('clear-history')
    .description('Delete ledger rows for good; totals stay.')
    .option('--before <moment>', 'only those before a time, or older than so long: 2026-11-01, 30d')
    .option('--yes', 'do not ask')
  examples(
    withJson(clear),
    'spillway db clear-history --before 30d',
    'spillway db clear-history --yes',
  ).action(async ({ before, yes, ...options }: { readonly before?: string } & YesOption & JsonOption) => {
    const which = before === undefined ? 'ALL ledger rows' : `the ledger rows before ${before}`
    if (yes !== true && !(await shell.confirm(`Delete ${which} for good?`))) return
    await useClient(shell, async (client) => {
      const body = before === undefined ? ({ all: true } as const) : { before }
      const cleared = await client.clearHistory({ body })
      present(shell, options, cleared, () =>
        shell.output.line(`${cleared.requests.toLocaleString('en-US')} ledger rows are deleted.`),
      )
    })
  })
}

function showStorage(shell: Shell, storage: Answer<'storage'>): void {
  const { lastBackup, oldestRequestAt } = storage
  const now = Date.now()
  fields(shell.output, [
    ['database', storage.place],
    ['size', `${megabytes(storage.bytes)}, ${megabytes(storage.freeBytes)} of it free`],
    ['log', megabytes(storage.logBytes)],
    ['journal', megabytes(storage.journalBytes)],
    ['oldest request', oldestRequestAt === null ? 'none' : fromNow(oldestRequestAt, now)],
    ['last backup', lastBackup === null ? 'never' : `${fromNow(lastBackup.at, now)}, ${lastBackup.file}`],
  ])
  shell.output.line()
  table(
    shell.output,
    ['TABLE', 'ROWS (ABOUT)'],
    storage.tables.map(({ name, rows }) => [name, rows ?? undefined]),
  )
}
