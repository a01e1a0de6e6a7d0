/** The log shows events, one line each, and neither credentials nor what would steer a terminal. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import type { Log } from '../core/ports/log.ts'
import { createLog, type LogOptions } from './log.ts'

type Level = ReturnType<LogOptions['level']>

function logInto(
  format: LogOptions['format'],
  level: () => Level = () => 'debug',
): { log: Log; lines: string[] } {
  const lines: string[] = []
  return { log: createLog({ level, format, write: (line) => void lines.push(line) }), lines }
}

/** C0, and in what a terminal shows also DEL, C1 and what changes the direction of writing. */
const FORMATS = [
  ['json', (text: string) => Array.from(text).some((each) => each < ' ')],
  ['text', (text: string) => /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(text)],
] as const

describe('a line as JSON', () => {
  it('has its level, time, message and fields', () => {
    const { log, lines } = logInto('json')
    log.warn('An account cools.', { account: 'a', seconds: 30, spilled: true, model: undefined })
    const [line = ''] = lines
    const { time, ...rest } = JSON.parse(line)
    expect(rest).toEqual({
      level: 'warn',
      account: 'a',
      seconds: 30,
      spilled: true,
      msg: 'An account cools.',
    })
    expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000)
  })

  it('has an error whole, with everything that caused it', () => {
    const { log, lines } = logInto('json')
    const cause = new Error('ECONNREFUSED')
    log.error('It failed.', new Error('The way there is cut.', { cause }), { request: 'r1' })
    const { error, msg, level, request } = JSON.parse(lines[0] ?? '')
    expect({ msg, level, request }).toEqual({ msg: 'It failed.', level: 'error', request: 'r1' })
    expect(error).toContain('The way there is cut.')
    expect(error).toContain('caused by: Error: ECONNREFUSED')
    expect(error).toContain('log.test.ts')
  })

  it.each([['a text'], [undefined], [null], [42], [{ a: 1 }]])('takes %p for an error', (thrown) => {
    const { log, lines } = logInto('json')
    log.error('It failed.', thrown)
    expect(JSON.parse(lines[0] ?? '').msg).toBe('It failed.')
  })

  it('ends with errors that cause each other in a circle', () => {
    const { log, lines } = logInto('json')
    const first = new Error('first')
    first.cause = new Error('second', { cause: first })
    log.error('It failed.', first)
    expect(lines).toHaveLength(1)
  })
})

describe('a line as text', () => {
  it('is for people: the time of day, the level, the message, the fields', () => {
    const { log, lines } = logInto('text')
    log.info('An account cools.', { account: 'a', seconds: 30 })
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d info {2}An account cools\. account=a seconds=30\n$/)
  })

  it('is followed by the stack of an error', () => {
    const { log, lines } = logInto('text')
    log.error('It failed.', new Error('The way there is cut.'))
    const [first, second] = (lines[0] ?? '').split('\n')
    expect(first).toMatch(/ error It failed\.$/)
    expect(second).toBe('Error: The way there is cut.')
  })
})

it('is kept as JSON beside the text for people, without secrets either', () => {
  const [kept, written]: string[][] = [[], []]
  const log = createLog({
    level: () => 'info',
    format: 'text',
    write: (line) => void written?.push(line),
    keep: (line) => void kept?.push(line),
  })
  log.warn('Bearer CANARY-0123456789 came.', { request: 'r1' })
  log.debug('Not important enough.')
  expect(kept?.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'warn', msg: 'Bearer [secret] came.', request: 'r1' },
  ])
  expect(written).toHaveLength(1)
})

describe.each(FORMATS)('the log as %s', (format, steers) => {
  it('writes what is important enough, as the level is at that moment', () => {
    let level: Level = 'info'
    const { log, lines } = logInto(format, () => level)
    log.debug('one')
    log.info('two')
    level = 'error'
    log.warn('three')
    log.error('four', undefined)
    level = 'debug'
    log.debug('five')
    expect(lines.map((line) => /two|four|five/.exec(line)?.[0])).toEqual(['two', 'four', 'five'])
  })

  it('makes one line out of one event, whatever is in it', () => {
    const { log, lines } = logInto(format)
    const anything = fc.string({ unit: 'binary', maxLength: 200 })
    fc.assert(
      fc.property(anything, anything, fc.constantFrom('debug', 'info', 'warn'), (message, value, level) => {
        lines.length = 0
        log[level](message, { value })
        expect(lines).toHaveLength(1)
        expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1)
        expect(steers(lines[0]?.slice(0, -1) ?? '')).toBe(false)
      }),
      {
        examples: [
          ['\u001b[2J\r\nforged', 'a\nb', 'info'],
          ['\u0085\u2028\u202e', '\u009b31m', 'warn'],
        ],
      },
    )
  })

  it('lets no control character of an error through', () => {
    const { log, lines } = logInto(format)
    log.error('It \u001b[31mfailed.', new Error('up\u001b[2J\u0007stream \u202esaid\u009b31m'))
    expect(steers((lines[0] ?? '').replaceAll('\n', ''))).toBe(false)
  })

  it.each([
    ['an API key of Anthropic', 'sk-ant-api03-CANARY_abcdefghij-0123456789AA'],
    ['an OAuth access token', 'sk-ant-oat01-CANARYabcdefghij0123456789'],
    ['an OAuth refresh token', 'sk-ant-ort01-CANARYabcdefghij0123456789'],
    ['an admin key of Anthropic', 'sk-ant-admin01-CANARYabcdefghij0123456789'],
    ['a key of OpenRouter', 'sk-or-v1-CANARYabcdefghij0123456789abcdef'],
    ['a key of an OpenAI project', 'sk-proj-CANARYabcdefghij0123456789'],
    ['a key of DeepSeek or an older one of OpenAI', 'sk-CANARY0123456789abcdef0123456789'],
    ['a client key of ours', 'spk_CANARYabcdefghij0123456789ABCDEFGHIJ'],
    ['the admin token', 'spa_CANARYabcdefghij0123456789ABCDEFGHIJ'],
    ['a bearer token', 'Bearer CANARY.abcdefghij+0123/456789=='],
    ['a bearer token in small letters', 'authorization: bearer CANARY-abcdefghij'],
    ['a name and a password', 'authorization: Basic Q0FOQVJZOnNlY3JldA=='],
    ['the password of a URL', 'postgres://me:CANARY-password@db:5432/x'],
    ['a JSON web token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJDQU5BUlkifQ.CANARY_signature'],
    ['an AWS access key', 'AKIACANARY0123456789'],
    ['an AWS secret key', 'aws_secret_access_key=CANARY/0123456789abcdefghij'],
    ['a Bedrock key', 'ABSKCANARYabcdefghij0123456789=='],
    ['a Google token', 'ya29.CANARY-abcdefghij0123456789'],
    ['a Google key', 'AIzaCANARYabcdefghij0123456789abcdefghi'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nQ0FOQVJZ\nCANARY+/=\n-----END PRIVATE KEY-----'],
    ['a token of GitHub', 'ghp_CANARY0123456789abcdefghij'],
    ['a webhook’s secret', 'whsec_CANARYabcdefghij0123456789'],
    ['an OAuth code in an address', 'https://x/callback?code=CANARY-code-0123&state=s'],
    ['an OAuth code in a body', 'grant_type=authorization_code&code=CANARY-code-0123'],
    ['an unmarked refresh token in a body', 'refresh_token=CANARY-0123456789'],
    ['an unmarked access token in JSON', '{"access_token":"CANARY-0123456789"}'],
    ['a client’s secret in JSON', '{"client_secret": "CANARY-0123456789"}'],
    ['a header with a key', 'x-api-key: CANARY-0123456789'],
    ['a session cookie', 'cookie: spillway_session=CANARY-0123456789'],
    ['a password by its name', 'password=CANARY-0123456789'],
  ])('blots out %s, wherever it stands', (_what, secret) => {
    const { log, lines } = logInto(format)
    log.info(`The key is ${secret}, he said.`)
    log.warn('A field.', {
      header: secret,
      apiKey: 'CANARY-field-0123',
      password: 'CANARY-field-0123',
      json: `{"a":"${secret}"}`,
      url: `https://x/?key=${secret}&b`,
    })
    log.error('An error.', new Error(`before ${secret} after`, { cause: new Error(secret) }))
    log.error('Thrown.', secret)
    const all = lines.join('')
    expect(all).not.toContain('CANARY')
    expect(all).not.toContain('Q0FOQVJZ')
    expect(all).toContain('[secret]')
    expect(all).toContain('he said.')
    if (format === 'json') for (const line of lines) expect(() => JSON.parse(line)).not.toThrow()
  })

  it.each([
    'a task-force of sk-ills',
    'spk_',
    'the bearer of news',
    'disk-usage-is-high',
    'sk-learn',
    'Basic authentication is not understood.',
    'at http://127.0.0.1:8080/v1/messages?limit=10',
    'file:///srv/node_modules/@scope/package/index.js:12:5',
    'api key missing; the password is too short',
    'ECONNREFUSED code: 111',
  ])('leaves %p as it is', (words) => {
    const { log, lines } = logInto(format)
    log.info(words)
    expect(lines[0]).toContain(words)
  })
})
