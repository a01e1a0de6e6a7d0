/** Claude Code's login file is read, never written, and never repeated in a message. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommandError, EXIT } from '../shell.ts'
import { readClaudeCodeLogin } from './claude-code.ts'

const LOGIN = {
  accessToken: 'CANARY-access',
  refreshToken: 'CANARY-refresh',
  expiresAt: 1_795_600_000_000,
  scopes: ['user:inference', 'user:profile'],
  subscriptionType: 'max',
  rateLimitTier: 'default_claude_max_20x',
}

let directory: string
let file: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-login-'))
  file = join(directory, '.credentials.json')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('a login file', () => {
  it('becomes an account, and stays as it is', () => {
    write({ claudeAiOauth: LOGIN, mcpOAuth: { other: {} } })
    const before = { text: readFileSync(file, 'utf8'), modified: statSync(file).mtimeMs }
    const { accounts, requests, requestCount, notes } = readClaudeCodeLogin(file)
    expect(accounts).toEqual([
      {
        name: 'claude-code',
        provider: 'claude-oauth',
        accessToken: 'CANARY-access',
        refreshToken: 'CANARY-refresh',
        tokenExpiresAt: '2026-11-25T09:46:40.000Z',
        tier: 20,
      },
    ])
    expect([...requests]).toEqual([])
    expect(requestCount).toBe(0)
    expect(notes.join('\n')).toContain('a refresh token works once')
    expect({ text: readFileSync(file, 'utf8'), modified: statSync(file).mtimeMs }).toEqual(before)
  })

  it.each([
    ['max', 'default_claude_max_5x', 5],
    ['pro', 'default_claude_ai', 1],
    ['team', 'default_raven', undefined],
    [undefined, undefined, undefined],
  ])('of the plan %s %s has the tier %p', (subscriptionType, rateLimitTier, tier) => {
    write({ claudeAiOauth: { ...LOGIN, subscriptionType, rateLimitTier } })
    expect(readClaudeCodeLogin(file).accounts[0]?.tier).toBe(tier as number)
  })

  it('may lack the access token and its time, which a refresh brings', () => {
    write({ claudeAiOauth: { refreshToken: 'CANARY-refresh', expiresAt: 0 } })
    expect(readClaudeCodeLogin(file).accounts).toEqual([
      { name: 'claude-code', provider: 'claude-oauth', refreshToken: 'CANARY-refresh' },
    ])
  })

  it('may begin with a byte-order mark', () => {
    writeFileSync(file, `\uFEFF${JSON.stringify({ claudeAiOauth: LOGIN })}`)
    expect(readClaudeCodeLogin(file).accounts).toHaveLength(1)
  })
})

describe('what cannot be taken over', () => {
  it.each([
    ['no file', undefined, EXIT.notFound, 'There is no file PATH.'],
    ['an empty file', ' \n', EXIT.failure, 'The file PATH is empty.'],
    [
      'broken JSON',
      '{"claudeAiOauth":{"accessToken":"CANARY-access',
      EXIT.failure,
      'The file PATH is not JSON.',
    ],
    ['another JSON', '["CANARY-access"]', EXIT.failure, 'The file PATH is not a login file of Claude Code.'],
    ['no login', '{"mcpOAuth":{}}', EXIT.failure, 'The file PATH holds no login.'],
    [
      'a login of another shape',
      '{"claudeAiOauth":"CANARY-access"}',
      EXIT.failure,
      'The file PATH holds no login.',
    ],
    [
      'a login that was ended',
      '{"claudeAiOauth":{"accessToken":""}}',
      EXIT.failure,
      'The login in PATH is empty.',
    ],
    [
      'a setup token',
      '{"claudeAiOauth":{"accessToken":"CANARY-setup","refreshToken":null}}',
      EXIT.failure,
      'The login in PATH has no refresh token: it is a setup token',
    ],
    ['a file too large', ' '.repeat((1 << 20) + 1), EXIT.failure, 'PATH is not a login file of Claude Code.'],
  ])('is told of %s', (_what, text, exitCode, sentence) => {
    if (text !== undefined) writeFileSync(file, text)
    expectRefusal(file, exitCode, sentence.replace('PATH', file))
  })

  it('is told of a directory', () =>
    expectRefusal(
      directory,
      EXIT.usage,
      `${directory} is a directory. Name the file .credentials.json in it.`,
    ))

  it.skipIf(process.getuid?.() === 0)('is told of a file that may not be read', () => {
    write({ claudeAiOauth: LOGIN })
    chmodSync(file, 0)
    expectRefusal(file, EXIT.failure, `You may not read the file ${file}.`)
  })
})

function write(value: unknown): void {
  writeFileSync(file, JSON.stringify(value), { mode: 0o600 })
}

function expectRefusal(path: string, exitCode: number, sentence: string): void {
  try {
    readClaudeCodeLogin(path)
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    expect(error.message).toStartWith(sentence)
    expect(error.message).not.toContain('CANARY')
    expect(error.exitCode).toBe(exitCode as never)
    return
  }
  throw new Error('It was not refused.')
}
