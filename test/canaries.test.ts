/**
 * No token, code, verifier, passphrase or proxy password is in anything that a gateway writes
 * (G5): a process that logs everything lives through sign-ins, renewals that go well and in
 * every way wrong, refused tokens, an export, a kill, an exception that nobody catches and a
 * crash of the runtime; then its output, its files and its API's answers are searched, in
 * plain and in the usual encodings.
 */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileRoutes, plainRoutes, routes } from '../src/api/contract.ts'
import { TOKEN_ENDPOINT } from '../src/simulator/logins.ts'
import { json, type Reply, refusal, reset, throttled, until, whole } from '../src/simulator/replies.ts'
import { type Behaviour, type Received, type Simulator, startSimulator } from '../src/simulator/simulator.ts'
import { last } from './support/first.ts'
import { type GatewayProcess, startGatewayProcess } from './support/gateway-process.ts'
import { PROXIES, type TestProxy } from './support/proxies.ts'
import { eventually } from './support/world.ts'

const PASSPHRASE = 'CANARY-passphrase of the export'
const PROXY_LOGIN = 'operator:CANARY-proxy-password'
const THROWN = 'An exception that the test asked for'
const LIFE_MS = 60_000

const place = mkdtempSync(join(tmpdir(), 'spillway-canaries-'))
const dataDirectory = join(place, 'data')
const stderrFile = join(place, 'stderr')
const crashFile = join(place, 'crash.ts')

/** Where something was written, and what. */
const written: (readonly [place: string, text: string])[] = []
let simulator: Simulator
let proxy: TestProxy
let strictProxy: TestProxy
let gateway: GatewayProcess

/** What a provider may answer to a renewal, repeating what it was sent. */
const ECHOES: Readonly<Record<string, (secret: string) => Reply>> = {
  'in its description': (secret) => oauthError('invalid_grant', `Refresh token ${secret} not found`),
  'at the end of a long description': (secret) =>
    oauthError('invalid_request', `${'Something is wrong with the request. '.repeat(5)}${secret}`),
  'cut by what is kept of a description': (secret) =>
    oauthError('invalid_request', `${'x'.repeat(190)}${secret}`),
  'as the code of its error': (secret) => json400({ error: secret }),
  'in another case': (secret) => oauthError('invalid_request', encodeURIComponent(secret)),
  'in the shape of the Messages API': (secret) =>
    refusal(400, `type of ${secret}`, `Invalid refresh_token: ${secret}`),
  'in a page': (secret) => whole(400, `<html>${secret}</html>`, [['content-type', 'text/html']]),
  'in a page that says 200': (secret) =>
    whole(200, `<html>${secret}</html>`, [['content-type', 'text/html']]),
  'in a broken server': (secret) => whole(500, JSON.stringify({ error: { message: secret } })),
  'while it limits': (secret) =>
    refusal(429, 'rate_limit_error', `Too many: ${secret}`, [['retry-after', '1']]),
  'in half an answer': (secret) => whole(200, `{"access_token":"${secret}`),
  'as the type of a token': (secret) =>
    json({ token_type: secret, access_token: `CANARY-new-${secret}`, expires_in: 60 }),
  'in a token without an end': (secret) =>
    json({ token_type: 'Bearer', access_token: `CANARY-new-${secret}`, refresh_token: secret }),
  'in a header': (secret) =>
    whole(400, '{}', [
      ['content-type', 'application/json'],
      ['x-token', secret],
    ]),
  'and resets the connection': () => [reset],
}

beforeAll(async () => {
  simulator = startSimulator()
  proxy = await PROXIES.http({ credentials: PROXY_LOGIN })
  strictProxy = await PROXIES.socks5({ credentials: PROXY_LOGIN })
  mkdirSync(dataDirectory, { mode: 0o700 })
  writeFileSync(crashFile, CRASH)
  await start()
  await signIns()
  await renewals()
  await refusals()
  await ownTraffic()
  await readEverything('before the kill')
  await endWhileBusy(() => gateway.kill())
  await start()
  await readEverything('after the kill')
  await endWhileBusy(async () => {
    process.kill(gateway.pid, 'SIGWINCH')
    await eventually(() => readFileSync(stderrFile, 'latin1').includes(THROWN) || undefined, 'the exception')
    await gateway.kill()
  })
  await start()
  await readEverything('after the exception')
  await endWhileBusy(async () => {
    process.kill(gateway.pid, 'SIGSEGV')
    await gateway.output()
  })
  await start()
  await readEverything('after the crash')
  expect(await gateway.stop()).toBe(0)
  written.push(
    ['its output', await gateway.output()],
    ['its error output', readFileSync(stderrFile, 'latin1')],
  )
  for (const file of filesUnder(dataDirectory)) written.push([file, readFileSync(file, 'latin1')])
}, LIFE_MS)

afterAll(async () => {
  await gateway?.kill()
  simulator?.stop()
  proxy?.stop()
  strictProxy?.stop()
  rmSync(place, { recursive: true, force: true })
})

describe('what a gateway writes', () => {
  it.each<[what: string, secrets: () => readonly string[]]>([
    ['any canary, which all tokens, codes and passwords are', () => ['CANARY']],
    ['one in base64, wherever it begins', () => base64Of('CANARY')],
    ['one in hexadecimal', () => [Buffer.from('CANARY').toString('hex')]],
    ['a proxy’s login', () => [PROXY_LOGIN, Buffer.from(PROXY_LOGIN).toString('base64')]],
    ['a verifier of a sign-in', () => fieldsSent('code_verifier')],
    ['a code of a sign-in', () => fieldsSent('code')],
    ['a refresh token', () => fieldsSent('refresh_token')],
    ['the admin’s token', () => [readFileSync(join(dataDirectory, 'admin.token'), 'latin1').trim()]],
  ])('holds nowhere %s', (_what, secrets) => {
    const wanted = secrets()
    expect(wanted.length).toBeGreaterThan(0)
    const found = written.flatMap(([where, text]) =>
      wanted.filter((secret) => text.includes(secret)).map((secret) => `${where}: ${around(text, secret)}`),
    )
    expect(found).toEqual([])
  })

  it('is everything: the log down to its details, all files, and all that can be asked', () => {
    const textOf = (where: string) =>
      written
        .filter(([each]) => each.startsWith(where))
        .map(([, text]) => text)
        .join('')
    const output = textOf('its output')
    expect(output).toContain('"level":"debug"')
    expect(output).toContain('A token was renewed')
    expect(output).toMatch(/could not be renewed/)
    expect(output).toMatch(/needs a new sign-in/)
    expect(textOf('its error output')).toContain(THROWN)
    expect(written.map(([where]) => where).filter((where) => where.endsWith('spillway.db'))).toHaveLength(1)
    const asked = written.filter(([where]) => where.startsWith('GET ')).length
    expect(asked).toBeGreaterThanOrEqual(3 * (GET_PATHS.length + PLAIN_PATHS.length))
    expect(textOf('GET /api/requests').includes('credential of this request')).toBe(true)
    expect(textOf('GET /api/accounts')).toContain(`http://127.0.0.1:${proxy.port}`)
    expect(simulator.logins.refreshes.length).toBeGreaterThan(2)
    expect(simulator.requestsOf(TOKEN_ENDPOINT).length).toBeGreaterThan(Object.keys(ECHOES).length)
    expect(proxy.visits.flatMap(({ logins }) => logins)).toContain(PROXY_LOGIN)
  })
})

/** Throws where nobody catches it: at a signal that means nothing else. */
const CRASH = `process.on('SIGWINCH', () => { throw new Error('${THROWN}') })\n`

async function start(): Promise<void> {
  if (gateway !== undefined) written.push(['its output', await gateway.output()])
  gateway = await startGatewayProcess({
    dataDirectory,
    prefix: ['sh', '-c', `ulimit -c 0; exec "$@" 2>>'${stderrFile}'`, 'sh'],
    environment: {
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'json',
      SPILLWAY_PAYLOADS: 'all',
      RETRY_ATTEMPTS: '2',
      RETRY_DELAY_MS: '0',
      SPILLWAY_ANTHROPIC_OAUTH_URL: simulator.url,
      SPILLWAY_ANTHROPIC_AUTHORIZE_URL: simulator.url,
      BUN_ENABLE_CRASH_REPORTING: '0',
      BUN_OPTIONS: `--preload=${crashFile}`,
    },
  })
}

/** People who succeed, people who do not, and a provider that repeats what they pasted. */
async function signIns(): Promise<void> {
  for (const mode of ['max', 'console'] as const) {
    const begun = await begin(`by-${mode}`, mode)
    note('the answer of a sign-in', await finish(begun.sessionId, simulator.logins.authorize(begun.authUrl)))
  }
  const echoed = ['code', 'code_verifier', 'state'].flatMap((field) =>
    Object.values(ECHOES).map((echo) => echoing(field, echo)),
  )
  for (const reply of echoed) {
    const begun = await begin('never', 'max')
    simulator.script(TOKEN_ENDPOINT, reply)
    note('a failed sign-in', await finish(begun.sessionId, simulator.logins.authorize(begun.authUrl)))
  }
  for (const paste of [
    'CANARY-code',
    'CANARY-code#CANARY-state',
    'https://x.test/?error=access_denied&state=CANARY',
  ]) {
    const begun = await begin('never', 'max')
    note('a wrong code', await finish(begun.sessionId, paste))
  }
}

/** One account for each way in which a renewal ends: some of them need a person from then on. */
async function renewals(): Promise<void> {
  await add('well')
  note('a renewal', await call('POST', '/api/accounts/well/refresh'))
  for (const [index, echo] of Object.values(ECHOES).entries()) {
    const name = `echo-${index}`
    await add(name)
    simulator.script(TOKEN_ENDPOINT, echoing('refresh_token', echo))
    note('a failed renewal', await call('POST', `/api/accounts/${name}/refresh`))
    note('a failed renewal', await call('POST', `/api/accounts/${name}/pause`))
  }
}

/** Providers that repeat the credential they refuse, and a proxy that wants another login. */
async function refusals(): Promise<void> {
  await add('proxied', { proxy: `http://${PROXY_LOGIN}@127.0.0.1:${proxy.port}` })
  await add('misdirected', {
    proxy: `socks5://operator:CANARY-wrong@127.0.0.1:${strictProxy.port}`,
    priority: -1,
  })
  note('an answer', await ask(false))
  // What is the client’s own mistake reaches the client in its provider’s words.
  const serving = last(simulator.received).key
  simulator.script(serving, repeatingCredential(400))
  expect(await ask(false)).toContain(serving)
  for (const status of [401, 403, 429, 500, 529])
    for (const { accessToken } of logins()) simulator.script(accessToken, repeatingCredential(status))
  for (let turn = 0; turn < 4; turn++) await ask(turn % 2 === 0)
  note('a renewal by way of a proxy', await call('POST', '/api/accounts/misdirected/refresh'))
  note('a test by way of a proxy', await call('POST', '/api/accounts/misdirected/test'))
  const wrong = { name: 'x', provider: 'console', apiKey: 'CANARY key with spaces', proxy: 'CANARY-no-proxy' }
  note('a mistake', await call('POST', '/api/accounts', wrong))
  note('a mistake', await call('PATCH', '/api/accounts/well', { proxy: 'https://CANARY:CANARY@x:1' }))
}

async function ownTraffic(): Promise<void> {
  for (const { accessToken } of logins())
    simulator.script(accessToken, repeatingCredential(401), throttled(1))
  for (const name of ['well', 'proxied', 'by-max', 'by-console']) {
    note('a refresh', await call('POST', `/api/accounts/${name}/refresh`))
    note('a test', await call('POST', `/api/accounts/${name}/test`))
  }
  const exported = await call('POST', '/api/accounts/export', { passphrase: PASSPHRASE })
  expect(exported).toContain('BEGIN AGE ENCRYPTED FILE')
  note('the export', exported)
  const file: string = JSON.parse(exported).file
  note('an import', await call('POST', '/api/accounts/import', { file, passphrase: `${PASSPHRASE} no` }))
  note(
    'an import',
    await call('POST', '/api/accounts/import', { file, passphrase: PASSPHRASE, dryRun: true }),
  )
}

/** In the middle of requests and renewals. */
async function endWhileBusy(end: () => Promise<void>): Promise<void> {
  await add(`busy-${gateway.pid}`, { priority: -5 })
  const { promise, resolve } = Promise.withResolvers<void>()
  const token = logins().at(-1)?.accessToken ?? ''
  simulator.always(token, (request) => [until(promise), ...simulator.unscripted(request)])
  simulator.script(TOKEN_ENDPOINT, (request) => [until(promise), ...simulator.unscripted(request)])
  const before = simulator.received.length
  const calls = [ask(true), ask(false), call('POST', '/api/accounts/well/refresh')].map((each) =>
    each.catch(() => ''),
  )
  await eventually(() => simulator.received.length >= before + 3 || undefined, 'requests that wait')
  await end()
  resolve()
  await Promise.all(calls)
}

const PLAIN_PATHS = Object.values(plainRoutes).map(({ path }) => path)
const FILE_PATHS = Object.values(fileRoutes).map(({ path }) => path)
const GET_PATHS = Object.values(routes).flatMap(({ method, path }) => (method === 'GET' ? [path] : []))

/** Every answer that the API gives to a question, for every account, key and request there is. */
async function readEverything(when: string): Promise<void> {
  const ids = { accounts: ['well', 'echo-0', 'proxied'], requests: await requestIds(), keys: [] }
  const paths = [...GET_PATHS, ...FILE_PATHS].flatMap((path) => {
    const kind = /^\/api\/(accounts|requests|keys)\/:id/.exec(path)?.[1] as keyof typeof ids | undefined
    return kind === undefined ? [path] : ids[kind].map((id) => path.replace(':id', id))
  })
  for (const path of [...paths, ...PLAIN_PATHS])
    written.push([`GET ${path} ${when}`, await call('GET', path)])
}

async function requestIds(): Promise<readonly string[]> {
  const { requests } = await gateway.api.listRequests({ query: { limit: 50 } })
  return requests.map(({ id }) => id)
}

const note = (what: string, text: string): void => void written.push([what, text])

async function call(method: string, path: string, body?: object): Promise<string> {
  const headers = { 'content-type': 'application/json' }
  const answer = await gateway.admin(path, {
    method,
    headers,
    ...(method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }),
  })
  return `${await answer.text()}`
}

async function ask(stream: boolean): Promise<string> {
  const answer = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'claude-sonnet-5-5',
      max_tokens: 8,
      stream,
      messages: [{ role: 'user', content: 'Hi' }],
    }),
  })
  return answer.text()
}

const begin = (name: string, mode: 'max' | 'console') =>
  gateway.api.beginSignIn({
    body: { name, mode, provider: 'claude-oauth', baseUrl: simulator.url, acceptTerms: true },
  })

const finish = (sessionId: string, code: string): Promise<string> =>
  call('POST', '/api/oauth/callback', { sessionId, code })

const granted: ReturnType<Simulator['logins']['grant']>[] = []
const logins = () => granted

async function add(name: string, more: object = {}): Promise<void> {
  const login = simulator.logins.grant({ id: name })
  granted.push(login)
  const { accessToken, refreshToken, expiresAt } = login
  const tokens = { accessToken, refreshToken, tokenExpiresAt: new Date(expiresAt).toISOString() }
  const body = {
    name,
    provider: 'claude-oauth',
    baseUrl: simulator.url,
    acceptTerms: true,
    ...tokens,
    ...more,
  }
  const added = await call('POST', '/api/accounts', body)
  expect(added).toContain(`"name":"${name}"`)
  note('an account that was added', added)
}

function oauthError(error: string, description: string): Reply {
  return json400({ error, error_description: description })
}

function json400(value: object): Reply {
  return whole(400, JSON.stringify(value))
}

/** Answers with what the request had in this field. */
function echoing(field: string, echo: (secret: string) => Reply): Behaviour {
  return ({ body }: Received) => echo(String(JSON.parse(body.toString())[field]))
}

function repeatingCredential(status: number): Behaviour {
  return ({ key }: Received) => refusal(status, 'authentication_error', `No: Bearer ${key} is not welcome`)
}

/** What the token endpoint was sent under this name, in all requests. */
function fieldsSent(name: string): readonly string[] {
  const values = simulator.requestsOf(TOKEN_ENDPOINT).map(({ body }) => JSON.parse(body.toString())[name])
  return [...new Set(values.filter((value) => typeof value === 'string'))]
}

/** A text's base64 at each of its three places in a longer one, without the ends that depend on what is around. */
function base64Of(text: string): readonly string[] {
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.from(`${'\0'.repeat(shift)}${text}`)
      .toString('base64')
      .replace(/=+$/, '')
    return encoded.slice(shift === 0 ? 0 : shift + 1, Math.floor(((text.length + shift) * 4) / 3))
  })
}

function filesUnder(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'admin.token')
    .map((entry) => join(entry.parentPath, entry.name))
}

function around(text: string, found: string): string {
  const at = text.indexOf(found)
  return text.slice(Math.max(0, at - 120), at + found.length + 60)
}
