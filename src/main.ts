/** The composition root: arguments in, exit code out. Everything it puts together is in compose/. */
import { createProgram, exitCodeOf } from './cli/program.ts'
import { CommandError, EXIT } from './cli/shell.ts'
import { ServerUnreachable } from './compose/connect.ts'
import { createShell, type ProcessShell } from './compose/shell.ts'

/** Whatever this program writes is for its user alone. */
process.umask(0o077)

async function main(words: readonly string[]): Promise<number> {
  let shell: ProcessShell | undefined
  const program = createProgram((options) => {
    shell = createShell(options)
    return shell
  })
  let code: number | undefined
  try {
    await program.parseAsync([...words], { from: 'user' })
  } catch (error) {
    code = exitCodeOf(toCommandError(error), (sentence) => process.stderr.write(`${sentence}\n`))
  }
  const finished = await shell?.finish()
  return code ?? finished ?? EXIT.ok
}

const toCommandError = (error: unknown): unknown =>
  error instanceof ServerUnreachable ? new CommandError(EXIT.unreachable, error.message) : error

process.exit(await main(process.argv.slice(2)))
