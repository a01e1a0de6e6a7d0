/**
 * Looks for what is wrong with an installation, from the outside in: runtime, places and
 * their permissions, the port, the database, each account, the clock, and whether answers
 * stream. Each finding comes with what to do. Changes nothing.
 */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { optionalDependencies } from '../../package.json'
import { type Client, createClient } from '../api/client.ts'
import type { Check } from '../cli/shell.ts'
import { messageOf } from '../core/error.ts'
import { MINUTE, SECOND } from '../core/time.ts'
import { type Connection, connect } from './connect.ts'
import type { Places } from './places.ts'

type Environment = Readonly<Record<string, string | undefined>>

export async function examine(places: Places, environment: Environment): Promise<readonly Check[]> {
  const first = [checkRuntime(), ...checkPermissions(places)]
  try {
    const connection = await connect(places, environment)
    const client = createClient(connection.transport)
    const checks = [
      ...first,
      await checkPort(connection, client),
      await checkDatabase(client),
      ...(await checkAccounts(client)),
      ...(await checkTokens(client)),
      await checkStreaming(connection),
      checkProxies(environment),
    ]
    await connection.close()
    return checks
  } catch (error) {
    return [...first, { name: 'gateway', ok: false, message: messageOf(error) }]
  }
}

function checkRuntime(): Check {
  const wanted = Object.values(optionalDependencies)[0] ?? ''
  const ok = Bun.version === wanted
  const remedy = 'Run "npm ci" and start Spillway with "npm start" or bin/spillway.mjs.'
  return {
    name: 'runtime',
    ok,
    message: `Bun ${Bun.version}${ok ? '' : `, but ${wanted} is what was tested`}`,
    remedy,
  }
}

function checkPermissions({ dataDirectory }: Places): readonly Check[] {
  if (!existsSync(dataDirectory)) {
    return [{ name: 'data directory', ok: true, message: `${dataDirectory} will be made at the first start` }]
  }
  const secret = ['secret.key', 'admin.token', 'spillway.db', 'ledger.journal', 'credentials.journal']
  const loose = secret.filter((file) => isOpenToOthers(join(dataDirectory, file)))
  const isWritable = canWrite(dataDirectory)
  return [
    {
      name: 'data directory',
      ok: isWritable,
      message: isWritable ? dataDirectory : `${dataDirectory} cannot be written`,
      remedy: `Give it to the user that runs Spillway: chown -R "$USER" ${dataDirectory}`,
    },
    {
      name: 'permissions',
      ok: loose.length === 0 && !isOpenToOthers(dataDirectory),
      message: loose.length === 0 ? 'nobody else can read the data' : `others can read ${loose.join(', ')}`,
      remedy: `chmod 700 ${dataDirectory} && chmod 600 ${dataDirectory}/*`,
    },
  ]
}

function canWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

const isOpenToOthers = (path: string): boolean => existsSync(path) && (statSync(path).mode & 0o077) !== 0

async function checkPort({ url }: Connection, client: Client): Promise<Check> {
  if (url !== undefined) return { name: 'port', ok: true, message: `the gateway answers at ${url}` }
  const { settings } = await client.showConfig()
  const value = (name: string) => settings.find((each) => each.name === name)?.value
  const [host, port] = [String(value('host')), Number(value('port'))]
  try {
    Bun.listen({ hostname: host, port, socket: { data() {} } }).stop(true)
    return { name: 'port', ok: true, message: `${host} port ${port} is free; no gateway runs` }
  } catch {
    const remedy = 'Stop that program, or choose another port: spillway config set port 8081'
    return { name: 'port', ok: false, message: `port ${port} on ${host} is taken by another program`, remedy }
  }
}

async function checkDatabase(client: Client): Promise<Check> {
  const { findings } = await client.checkDatabase()
  const ok = findings.length === 0
  const message = ok ? 'sound' : findings.join('; ')
  return {
    name: 'database',
    ok,
    message,
    remedy: 'Restore a backup, or save what is left with sqlite3’s ".recover".',
  }
}

const MOST_SKEW_MS = MINUTE

async function checkAccounts(client: Client): Promise<readonly Check[]> {
  const { accounts } = await client.listAccounts()
  if (accounts.length === 0) {
    const remedy = 'spillway accounts add <name> --provider console --api-key-stdin'
    return [{ name: 'accounts', ok: false, message: 'there is none yet', remedy }]
  }
  const results = await Promise.all(
    accounts.map(async ({ id, name }) => ({ name, ...(await client.testAccount({ params: { id } })) })),
  )
  const skew = results.flatMap(({ clockSkewMs }) => (clockSkewMs === undefined ? [] : [clockSkewMs])).at(0)
  return [
    ...results.map(({ name, ok, message }): Check => ({ name: `account ${name}`, ok, message })),
    ...(skew === undefined ? [] : [checkClock(skew)]),
  ]
}

/** Only what a person has to do something about: the others are renewed by themselves. */
async function checkTokens(client: Client): Promise<readonly Check[]> {
  const { tokens } = await client.tokenHealth()
  return tokens.map(({ account, message, remedy }) => ({
    name: `token of ${account}`,
    ok: remedy === undefined,
    message,
    ...(remedy === undefined ? {} : { remedy }),
  }))
}

function checkClock(skewMs: number): Check {
  const ok = Math.abs(skewMs) < MOST_SKEW_MS
  const message = ok
    ? 'agrees with the providers’'
    : `is ${Math.round(Math.abs(skewMs) / SECOND)} s ${skewMs > 0 ? 'behind' : 'ahead of'} the providers’`
  return { name: 'clock', ok, message, remedy: 'Turn on time synchronization: timedatectl set-ntp true' }
}

const FIRST_BYTE_MS = 3_000

/** The live feed sends its first bytes at once: if they do not come, something in between collects answers. */
async function checkStreaming({ url, transport }: Connection): Promise<Check> {
  if (url === undefined) return { name: 'streaming', ok: true, message: 'not looked at: no gateway runs' }
  const response = await transport('/api/requests/stream', {})
  const reader = response.body?.getReader()
  const first = await Promise.race([reader?.read(), Bun.sleep(FIRST_BYTE_MS)])
  await reader?.cancel()
  const ok = first !== undefined && first.done === false
  const remedy =
    'A proxy between here and the gateway buffers answers; take it out for this address (NO_PROXY).'
  return {
    name: 'streaming',
    ok,
    message: ok ? 'bytes arrive as they are sent' : 'bytes are held back on the way',
    remedy,
  }
}

/** Clients that send even local requests to a proxy would not reach a gateway on this machine. */
function checkProxies(environment: Environment): Check {
  const isSet = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'].some((name) => environment[name])
  const exceptions = environment.NO_PROXY ?? environment.no_proxy ?? ''
  const ok = !isSet || /127\.0\.0\.1|localhost|\*/.test(exceptions)
  const message = ok ? 'none is in the way' : 'a proxy is set for all addresses, this machine’s included'
  return { name: 'proxies', ok, message, remedy: 'export NO_PROXY=localhost,127.0.0.1' }
}
