/**
 * Signing in to an account: the page is opened or its address printed, the code that it shows
 * is pasted here. Before the first subscription the terms are said, and a yes is asked for.
 */
import { type Command, Option } from 'commander'
import type { Client } from '../../api/client.ts'
import type { Answer } from '../../api/contract.ts'
import { ApiError } from '../../api/error.ts'
import { examples, type JsonOption, present, useClient, withJson } from '../command.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'
import type { AccountFields } from './account-options.ts'

export interface TermsOptions {
  readonly acceptTerms?: boolean
}

export interface SignInOptions extends TermsOptions {
  readonly mode?: 'max' | 'console'
  readonly keepTokens?: boolean
  readonly browser?: boolean
}

export const withTermsOption = (command: Command): Command =>
  command.option('--accept-terms', 'say yes to what providers’ terms say about subscriptions (for scripts)')

export const withSignInOptions = (command: Command): Command =>
  withTermsOption(command)
    .addOption(
      new Option('--mode <mode>', 'what to sign in to: a subscription (max), or the console').choices([
        'max',
        'console',
      ]),
    )
    .option('--keep-tokens', 'console: keep the tokens, and make no API key with them')
    .option('--no-browser', 'only print the page’s address')

export function addSignInCommands(accounts: Command, shell: Shell): void {
  const login = accounts
    .command('login')
    .description('Sign in again to an account whose login has ended. Everything else of it stays.')
    .argument('<name>')
  examples(
    withJson(withSignInOptions(login)),
    'spillway accounts login max',
    'spillway accounts login max --no-browser',
  ).action((name: string, options: SignInOptions & JsonOption) =>
    useClient(shell, async (client) => {
      const { provider } = await client.showAccount({ params: { id: name } })
      const account = await signIn(shell, client, { name, provider, fields: {}, options })
      present(shell, options, account, () => {
        shell.output.line(`Signed in to the account ${name}.`)
        for (const note of account.notes) shell.output.note(note)
      })
    }),
  )
}

interface SignIn {
  readonly name: string
  readonly provider: string
  readonly fields: AccountFields
  readonly options: SignInOptions
}

export async function signIn(
  shell: Shell,
  client: Client,
  { name, provider, fields, options }: SignIn,
): Promise<Answer<'finishSignIn'>> {
  const { mode, keepTokens, browser } = options
  const { sessionId, authUrl } = await withTerms(shell, options, (acceptTerms) =>
    client.beginSignIn({
      body: {
        name,
        provider,
        ...fields,
        ...(mode === undefined ? {} : { mode }),
        ...(keepTokens === true ? { createKey: false } : {}),
        ...acceptTerms,
      },
    }),
  )
  const isOpen = browser !== false && shell.openBrowser(authUrl)
  shell.output.note(
    isOpen
      ? 'Sign in on the page that has been opened in your browser. Its address:'
      : 'Open this page and sign in:',
  )
  shell.output.note(`\n  ${authUrl}\n`)
  shell.output.note('Then copy the code that it shows, all of it, and paste it here within ten minutes.')
  return client.finishSignIn({ body: { sessionId, code: await askCode(shell) } })
}

/** The part behind the # is easily lost when copying. */
async function askCode(shell: Shell): Promise<string> {
  for (;;) {
    const code = await shell.askLine('Code')
    if (code === '') throw new CommandError(EXIT.usage, 'No code was given. Nothing was added.')
    if (!shell.isInteractive || /#.|^https?:/.test(code)) return code
    shell.output.note('That is not all of it: the code has a # with more text behind it.')
  }
}

/** Tries without a yes; where the gateway asks for one, says the terms and asks the person. */
export async function withTerms<T>(
  shell: Shell,
  { acceptTerms }: TermsOptions,
  call: (accepted: { readonly acceptTerms?: true }) => Promise<T>,
): Promise<T> {
  try {
    return await call(acceptTerms === true ? { acceptTerms } : {})
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'forbidden') || acceptTerms === true) throw error
    if (!shell.isInteractive)
      throw new CommandError(
        EXIT.usage,
        `${error.message}\nIf you have read this and want to go on, say --accept-terms.`,
      )
    shell.output.note(error.message)
    if (!(await shell.confirm('Have you read this, and do you want to add it all the same?')))
      throw new CommandError(EXIT.failure, 'Nothing was added.')
    return call({ acceptTerms: true })
  }
}
