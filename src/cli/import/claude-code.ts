/**
 * Claude Code's login file (`wire.md` §2.6). Only read: Claude Code writes it anew with
 * every refresh. Must not repeat anything that the file says.
 */
import { readFileSync, statSync } from 'node:fs'
import { CommandError, EXIT } from '../shell.ts'
import { type Fields, isFields, present, readText, readTime } from './fields.ts'
import type { Imported, ImportedAccount } from './imported.ts'
import { toCommandError } from './source.ts'

const NAME = 'claude-code'
const LARGEST_BYTES = 1 << 20

/** Throws CommandError with a sentence when there is no login to take over. */
export function readClaudeCodeLogin(path: string): Imported {
  const login = loginOf(readFile(path), path)
  return {
    accounts: [toAccount(login, path)],
    requests: [],
    requestCount: 0,
    notes: [
      'The login now belongs to two programs, and a refresh token works once: whichever of Claude Code and Spillway refreshes second is logged out. Let Claude Code go through Spillway, or log in anew with "spillway accounts login".',
    ],
    close() {},
  }
}

function readFile(path: string): Fields {
  const text = readSmall(path)
  if (text.trim() === '') throw new CommandError(EXIT.failure, `The file ${path} is empty.`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new CommandError(EXIT.failure, `The file ${path} is not JSON.`)
  }
  if (isFields(value)) return value
  throw new CommandError(EXIT.failure, `The file ${path} is not a login file of Claude Code.`)
}

function readSmall(path: string): string {
  try {
    const stats = statSync(path)
    if (stats.isDirectory())
      throw new CommandError(EXIT.usage, `${path} is a directory. Name the file .credentials.json in it.`)
    if (!stats.isFile() || stats.size > LARGEST_BYTES)
      throw new CommandError(EXIT.failure, `${path} is not a login file of Claude Code.`)
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    throw toCommandError(path, error)
  }
}

function loginOf(file: Fields, path: string): Fields {
  if (isFields(file.claudeAiOauth)) return file.claudeAiOauth
  throw new CommandError(
    EXIT.failure,
    `The file ${path} holds no login. Log in with "claude" and /login; on macOS the login is in the Keychain, not in a file.`,
  )
}

function toAccount(login: Fields, path: string): ImportedAccount {
  const accessToken = readText(login.accessToken)
  const refreshToken = readText(login.refreshToken)
  if (accessToken === undefined && refreshToken === undefined)
    throw new CommandError(EXIT.failure, `The login in ${path} is empty. Log in with "claude" and /login.`)
  if (refreshToken === undefined)
    throw new CommandError(
      EXIT.failure,
      `The login in ${path} has no refresh token: it is a setup token, which ends for good. Log in with "claude" and /login, and import again.`,
    )
  const tokenExpiresAt = readTime(login.expiresAt)
  return {
    name: NAME,
    provider: 'claude-oauth',
    refreshToken,
    ...present({ accessToken, tokenExpiresAt, tier: tierOf(login) }),
  }
}

/** "default_claude_max_20x" (`wire.md` §2.6); a plan without a number is one of the smallest size. */
function tierOf({ rateLimitTier, subscriptionType }: Fields): number | undefined {
  const [, times] = /_(\d{1,3})x$/.exec(readText(rateLimitTier) ?? '') ?? []
  if (times !== undefined) return Number(times)
  return readText(subscriptionType) === 'pro' ? 1 : undefined
}
