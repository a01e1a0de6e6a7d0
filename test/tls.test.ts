/** HTTPS: which certificate clients see, also after its files have changed, and what is told of it. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { createClient } from '../src/api/client.ts'
import { type RunningGateway, startGateway } from '../src/compose/serve.ts'
import { type Certificate, createCertificate } from './support/certificates.ts'
import { eventually } from './support/world.ts'

const DAY_MS = 86_400_000
/** The files are looked at every two seconds, and a fault has to be seen twice. */
const PATIENCE_MS = 20_000

let directory: string
let lines: string[]
let running: RunningGateway | undefined
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-tls-'))
  lines = []
})
afterEach(async () => {
  await running?.stop(0)
  running = undefined
  rmSync(directory, { recursive: true, force: true })
})

const fileOf = (name: string): string => join(directory, name)

/** As tools that renew certificates do: a new file in the place of the old one. */
function put({ cert, key }: Certificate): void {
  for (const [name, text] of [
    ['cert.pem', cert],
    ['key.pem', key],
  ] as const) {
    writeFileSync(fileOf(`${name}.new`), text)
    renameSync(fileOf(`${name}.new`), fileOf(name))
  }
}

async function start(certificate: Certificate, port = 0): Promise<RunningGateway> {
  put(certificate)
  const dataDirectory = join(directory, `data-${port}`)
  return startGateway({
    places: { dataDirectory, configFile: fileOf('config.json') },
    flags: { port, logFormat: 'json', tlsCert: fileOf('cert.pem'), tlsKey: fileOf('key.pem') },
    environment: {},
    output: { write: (line) => void lines.push(line), flush: () => {}, dropped: 0 },
  })
}

const portOf = (): number => Number(new URL(running?.url ?? '').port)

const open = (): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ port: portOf(), host: '127.0.0.1', rejectUnauthorized: false }, () =>
      resolve(socket),
    )
    socket.on('error', reject)
  })

async function serialSeen(): Promise<string> {
  const socket = await open()
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

const statusOn = (socket: TLSSocket): Promise<string> =>
  new Promise((resolve, reject) => {
    socket.once('data', (bytes) => resolve(String(bytes).slice(0, 12)))
    socket.once('close', () => reject(new Error('The connection ended.')))
    socket.write('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n')
  })

const api = () =>
  createClient((path, init) => {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${running?.gateway.adminToken}`)
    return fetch(`${running?.url}${path}`, { ...init, headers, tls: { rejectUnauthorized: false } })
  })

describe('a certificate whose files change', () => {
  it('is shown to new connections; those that are there go on', async () => {
    running = await start(await createCertificate())
    const before = await serialSeen()
    const old = await open()
    expect(await statusOn(old)).toBe('HTTP/1.1 200')
    put(await createCertificate())
    const after = await eventually(
      async () => {
        const serial = await serialSeen()
        return serial === before ? undefined : serial
      },
      'the new certificate',
      PATIENCE_MS,
    )
    expect(await statusOn(old)).toBe('HTTP/1.1 200')
    old.destroy()
    const { certificate } = await api().system()
    expect(certificate).toMatchObject({ serialNumber: after, subject: 'CN=localhost' })
    expect(lines.join('')).toContain('A new certificate is shown to clients.')
  })

  it('and cannot be used is told of once, and the old one is shown until it can', async () => {
    const good = await createCertificate()
    running = await start(good)
    const before = await serialSeen()
    const other = await createCertificate()
    put({ cert: other.cert, key: good.key })
    const problems = await eventually(
      async () => {
        const health = await api().health()
        return health.status === 'degraded' ? health.problems.join(' ') : undefined
      },
      'the health to tell of it',
      PATIENCE_MS,
    )
    expect(problems).toContain('does not belong to the certificate')
    expect(await serialSeen()).toBe(before)
    put(other)
    await eventually(
      async () => (await api().health()).status === 'ok' || undefined,
      'the renewed one',
      PATIENCE_MS,
    )
    expect(await serialSeen()).not.toBe(before)
    const told = lines.filter((line) => line.includes('A new certificate cannot be used'))
    expect(told).toHaveLength(1)
  })
})

it('a certificate that ends within a week degrades the health', async () => {
  running = await start(await createCertificate({ notAfter: new Date(Date.now() + 3 * DAY_MS) }))
  const { status, problems } = await api().health()
  expect([status, problems.join(' ')]).toEqual(['degraded', expect.stringContaining('certificate ends at')])
})

describe('a start with a certificate is refused', () => {
  it('when its key is another’s', async () => {
    const [one, other] = [await createCertificate(), await createCertificate()]
    await expect(start({ cert: one.cert, key: other.key })).rejects.toThrow(
      /The key in .*key\.pem does not belong to the certificate in .*cert\.pem\./,
    )
  })

  it.each([
    ['cert.pem', { cert: 'nothing' }, 'a certificate'],
    ['key.pem', { key: 'nothing' }, 'a key without a passphrase'],
  ])('when %s is none', async (name, broken, what) => {
    const refused = start({ ...(await createCertificate()), ...broken })
    await expect(refused).rejects.toThrow(`${fileOf(name)} does not hold ${what} as PEM.`)
  })

  it('when another gateway with one has the port already', async () => {
    const certificate = await createCertificate()
    running = await start(certificate)
    await expect(start(certificate, portOf())).rejects.toThrow('is in use by another program')
  })
})
