/** Threat 4 of `faults.md`: an account’s address that leads to a machine’s own secrets. */
import { afterEach, describe, expect, it } from 'bun:test'
import { exchange } from '../support/raw-answer.ts'
import { requestBytes } from '../support/requests.ts'
import { sendOver } from '../support/upstream.ts'
import { within } from '../support/within.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

/** 169.254.169.254 in every dress that something along the way undresses. */
const SPELLINGS = [
  'http://169.254.169.254',
  'http://169.254.169.254/latest/meta-data',
  'http://169.254.169.254:80',
  'https://169.254.169.254:443/x',
  'http://2852039166',
  'http://0xa9fea9fe',
  'http://0xa9.0xfe.0xa9.0xfe',
  'http://0251.0376.0251.0376',
  'http://025177524776',
  'http://169.254.43518',
  'http://169.16689662',
  'http://169.254.169.254.',
  'http://169。254。169。254',
  'http://１６９.254.169.254',
  'http://①⑥⑨.②⑤④.①⑥⑨.②⑤④',
  'http://%31%36%39.254.169.254',
  'http:169.254.169.254',
  'http:\\\\169.254.169.254',
  'http:///169.254.169.254',
  '  http://169.254.169.254',
  'http://[::ffff:169.254.169.254]',
  'http://[::ffff:a9fe:a9fe]',
  'http://[0:0:0:0:0:ffff:a9fe:a9fe]',
  'http://[::169.254.169.254]',
  'http://[64:ff9b::a9fe:a9fe]',
  'http://[fe80::1]',
  'http://[febf::1]',
  'http://[ff02::1]',
  'http://[fd00:ec2::254]',
  'http://169.254.0.1',
  'http://169.254.170.2',
  'http://100.100.100.200',
  'http://168.63.129.16',
  'http://192.0.0.192',
  'http://224.0.0.1',
  'http://255.255.255.255',
]

/** What no base URL may be, whatever it names. */
const NO_ADDRESSES = [
  'http://169.254.169.254@127.0.0.1',
  'http://user:word@127.0.0.1',
  'http://127.0.0.1#@169.254.169.254',
  'http://127.0.0.1?x=169.254.169.254',
  'file:///etc/passwd',
  'gopher://127.0.0.1',
  'ftp://127.0.0.1',
  'ws://127.0.0.1',
  'data:text/plain,x',
  'javascript:alert(1)',
  'unix:/var/run/docker.sock',
  '//169.254.169.254',
  '169.254.169.254',
  'http://',
  'http://127.0.0.1:99999',
  '',
]

describe('threat 4: an account’s address', () => {
  it('may not be link-local nor a cloud’s metadata, in no spelling', async () => {
    world = await openWorld()
    for (const baseUrl of [...SPELLINGS, ...NO_ADDRESSES]) {
      const body = { name: 'x', provider: 'anthropic-compatible', baseUrl }
      const added = await world.api.addAccount({ body }).catch((error: { readonly status: number }) => error)
      expect({ baseUrl, status: 'status' in added ? added.status : 'added' }).toEqual({
        baseUrl,
        status: 400,
      })
      const changed = await world.api
        .changeAccount({ params: { id: 'a' }, body: { baseUrl } })
        .catch((error: { readonly status: number }) => error)
      expect({ baseUrl, status: 'status' in changed ? changed.status : 'changed' }).toEqual({
        baseUrl,
        status: 400,
      })
    }
    expect((await world.api.listAccounts()).accounts).toMatchObject([
      { name: 'a', baseUrl: world.simulator.url },
    ])
  })

  it.each(['169.254.169.254', '::ffff:a9fe:a9fe', 'fe80::1%eth0', '100.100.100.200', 'fd00:ec2::254'])(
    'that is a name and comes to lead to %s is not connected to',
    async (address) => {
      world = await openWorld()
      const sent = await sendOver({ host: 'metadata.test', port: 80, lookup: async () => [address] })
      expect(sent).toMatchObject({ kind: 'fault', fault: { cause: 'blocked-address' } })
    },
  )

  it('that is the place for requests without an account is held to the same', async () => {
    world = await openWorld({ accounts: [], settings: { anthropicUrl: 'http://169.254.169.254' } })
    const answer = await within(
      exchange(world.url, requestBytes({ lines: ['x-api-key: sk-client'] })),
      'an answer',
    )
    expect(answer.status).toBe(503)
    expect(answer.body.toString()).toContain('allowedUpstreamHosts')
  })
})
