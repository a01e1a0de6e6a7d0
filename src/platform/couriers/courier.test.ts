/** Every way of telling somebody, over real sockets and with a real child process. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import {
  type MailServer,
  type Receiver,
  startMailServer,
  startReceiver,
} from '../../../test/support/receiver.ts'
import { tickingClock } from '../../../test/support/ticking-clock.ts'
import { eventually } from '../../../test/support/world.ts'
import type { ChannelConfig, EmailConfig } from '../../core/alerts/channel.ts'
import type { Notice } from '../../core/alerts/notice.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { toMillis } from '../../core/time.ts'
import { systemClock } from '../clock.ts'
import { createEgressRules } from '../upstream/egress.ts'
import { createResolver } from '../upstream/resolve.ts'
import { createUpstream } from '../upstream/upstream.ts'
import { createCourier } from './courier.ts'

const NOW = toMillis(Date.now())
const NOTICE: Notice = {
  type: 'alert.fired',
  alert: '0197',
  rule: 'pool nearly empty',
  kind: 'runway-below',
  severity: 'warning',
  message: 'The pool is safe for 40 min; “組”.',
  firedAt: NOW,
}
const SECRET = `whsec_${Buffer.from('CANARY-signing-secret-of-thirty-two').toString('base64')}`

let receiver: Receiver
let mail: MailServer
let directory: string
beforeEach(() => {
  receiver = startReceiver()
  mail = startMailServer()
  directory = mkdtempSync(join(tmpdir(), 'spillway-courier-'))
})
afterEach(() => {
  receiver.stop()
  mail.stop()
  rmSync(directory, { recursive: true, force: true })
})

describe('a webhook', () => {
  it('is signed, so that its receiver can check it, and holds what was told', async () => {
    expect(await carry({ kind: 'webhook', url: `${receiver.url}/in?a=1`, secret: SECRET })).toEqual({
      kind: 'delivered',
      status: 204,
    })
    const [post] = receiver.posts
    expect(post?.path).toBe('/in?a=1')
    expect(post?.headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': '0197_fired' })
    const read = new Webhook(SECRET).verify(post?.body ?? '', { ...post?.headers })
    expect(read).toMatchObject({ type: 'alert.fired', data: { message: NOTICE.message } })
    const other = new Webhook(`whsec_${Buffer.from('another').toString('base64')}`)
    expect(() => other.verify(post?.body ?? '', { ...post?.headers })).toThrow()
  })

  it('is the same message when it is sent again', async () => {
    const config: ChannelConfig = { kind: 'webhook', url: receiver.url, secret: SECRET }
    await carry(config)
    await carry(config)
    const ids = receiver.posts.map(({ headers }) => headers['webhook-id'])
    expect(ids).toEqual(['0197_fired', '0197_fired'])
  })

  it('follows no redirect, and says so', async () => {
    receiver.answer(({ path }) =>
      path === '/' ? Response.redirect(`${receiver.url}/elsewhere`, 307) : new Response(),
    )
    const carried = await carry({ kind: 'webhook', url: receiver.url, secret: SECRET })
    expect(carried).toMatchObject({
      kind: 'failed',
      status: 307,
      problem: expect.stringContaining('not followed'),
    })
    expect(receiver.posts).toHaveLength(1)
  })

  it.each([
    [500, {}, { status: 500, problem: 'It answered 500.' }],
    [429, { 'retry-after': '7' }, { status: 429, retryAfterMs: 7_000 }],
    [410, {}, { status: 410, isFinal: true }],
  ])('that is answered with %d has failed', async (status, headers, carried) => {
    receiver.answer(() => new Response('CANARY-in-the-answer', { status, headers }))
    const failed = await carry({ kind: 'webhook', url: receiver.url, secret: SECRET })
    expect(failed).toMatchObject({ kind: 'failed', ...carried })
    expect(JSON.stringify(failed)).not.toContain('CANARY')
  })

  it.each(['http://169.254.169.254/latest/meta-data', 'http://[fe80::1]/', 'http://100.100.100.200/'])(
    'is not sent to %s',
    async (url) => {
      const carried = await carry({ kind: 'webhook', url, secret: SECRET })
      expect(carried).toMatchObject({ kind: 'failed', problem: expect.stringMatching(/link-local|metadata/) })
    },
  )

  it('to a receiver that says nothing ends in time', async () => {
    receiver.answer(() => new Promise(() => {}))
    const clock = tickingClock(NOW)
    const carrying = carry({ kind: 'webhook', url: receiver.url, secret: SECRET }, clock)
    await eventually(() => receiver.posts.length > 0 || undefined, 'the post')
    await clock.advance(20_000)
    expect(await carrying).toEqual({ kind: 'failed', problem: 'There was no answer in time.' })
  })

  it('whose answer never ends is not read to its end', async () => {
    const endless = new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(65_536)) })
    receiver.answer(() => new Response(endless))
    expect(await carry({ kind: 'webhook', url: receiver.url, secret: SECRET })).toMatchObject({
      kind: 'delivered',
    })
  })
})

describe('others by HTTP', () => {
  it('Slack and Discord get their shapes at their secret address', async () => {
    await carry({ kind: 'slack', url: `${receiver.url}/services/CANARY-slack` })
    await carry({ kind: 'discord', url: `${receiver.url}/api/webhooks/CANARY-discord` })
    const [slack, discord] = receiver.posts
    expect([slack?.path, discord?.path]).toEqual(['/services/CANARY-slack', '/api/webhooks/CANARY-discord'])
    expect(JSON.parse(slack?.body ?? '')).toMatchObject({ text: expect.stringContaining(NOTICE.message) })
    expect(JSON.parse(discord?.body ?? '')).toMatchObject({ embeds: [{ description: NOTICE.message }] })
  })

  it('ntfy gets its topic in the body and the token in its header', async () => {
    await carry({ kind: 'ntfy', url: `${receiver.url}/under/my%20topic`, token: 'CANARY-token' })
    expect(receiver.posts[0]).toMatchObject({
      path: '/under/',
      headers: { authorization: 'Bearer CANARY-token' },
    })
    expect(JSON.parse(receiver.posts[0]?.body ?? '')).toMatchObject({
      topic: 'my topic',
      message: NOTICE.message,
    })
    expect(await carry({ kind: 'ntfy', url: receiver.url })).toMatchObject({
      kind: 'failed',
      problem: 'The address of an ntfy channel ends with its topic.',
    })
  })
})

describe('a mail', () => {
  it('goes to everybody, with a name and a password where there are some', async () => {
    const config = email({
      username: 'me',
      password: 'CANARY-password',
      to: ['one@test.example', 'two@test.example'],
    })
    expect(await carry(config)).toEqual({ kind: 'delivered' })
    const recipients = mail.commands.filter((line) => line.startsWith('RCPT'))
    expect(recipients.join()).toMatch(/one@test\.example.*two@test\.example/)
    const login = mail.commands.find((line) => line.startsWith('AUTH PLAIN '))?.slice(11)
    expect(Buffer.from(login ?? '', 'base64').toString()).toBe('\0me\0CANARY-password')
    expect(mail.mails[0]).toMatch(/^Subject: Spillway warning: pool nearly empty\r$/m)
    expect(mail.mails[0]).toContain('Content-Type: text/plain; charset=utf-8')
  })

  it('that is refused says the code and nothing that the server said', async () => {
    mail.refuse()
    const carried = await carry(email({}))
    expect(carried).toEqual({ kind: 'failed', problem: 'The mail server refused it with code 550.' })
  })

  it('is not sent in the clear where the channel asks for TLS', async () => {
    const carried = await carry(email({ security: 'starttls', username: 'me', password: 'CANARY-password' }))
    expect(carried).toMatchObject({ kind: 'failed' })
    expect(mail.commands.some((line) => line.startsWith('AUTH'))).toBe(false)
    expect(mail.mails).toEqual([])
  })

  it('to a server that says nothing, or lets nobody in, ends', async () => {
    const silent = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => {} } })
    const clock = tickingClock(NOW)
    const carrying = carry(email({ port: silent.port }), clock)
    await clock.advance(20_000)
    expect(await carrying).toEqual({ kind: 'failed', problem: 'The mail server did not answer in time.' })
    silent.stop(true)
    expect(await carry(email({ port: silent.port }))).toEqual({
      kind: 'failed',
      problem: 'The mail server does not take connections at that port.',
    })
  })

  it('is not sent to a forbidden address', async () => {
    expect(await carry(email({ host: '169.254.169.254' }))).toMatchObject({
      kind: 'failed',
      problem: expect.stringContaining('link-local'),
    })
  })

  it('takes no header out of a name', async () => {
    await carry(email({}), systemClock, { ...NOTICE, rule: 'x\r\nBcc: evil@test.example' })
    expect(mail.commands.join()).not.toContain('evil')
    const [head] = (mail.mails[0] ?? '').split('\r\n\r\n')
    expect(head).toContain('Subject: Spillway warning: x')
    expect(head).not.toMatch(/^Bcc:/m)
  })
})

describe('a command', () => {
  it('gets the notice as JSON and in variables, and nothing of the gateway’s environment', async () => {
    const file = join(directory, 'got')
    const argv = ['sh', '-c', 'cat > "$0"; env >> "$0"', file]
    expect(await carry({ kind: 'command', argv })).toEqual({ kind: 'delivered' })
    const got = readFileSync(file, 'utf8')
    expect(JSON.parse(got.slice(0, got.indexOf('}}') + 2))).toMatchObject({
      data: { message: NOTICE.message },
    })
    expect(got).toContain(`SPILLWAY_ALERT_MESSAGE=${NOTICE.message}`)
    expect(got).not.toContain('SPILLWAY_SECRET_KEY')
  })

  it('is no shell: its words are words', async () => {
    const file = join(directory, 'made')
    await carry({ kind: 'command', argv: ['echo', `; touch ${file}`, '$(touch', `${file})`] })
    expect(existsSync(file)).toBe(false)
  })

  it.each([
    [['false'], 'The command false ended with code 1.'],
    [['/nowhere/at-all'], 'The command /nowhere/at-all could not be started.'],
  ])('%p has failed', async (argv, problem) => {
    expect(await carry({ kind: 'command', argv })).toEqual({ kind: 'failed', problem })
  })

  it('that takes too long is ended, with what it has started', async () => {
    const file = join(directory, 'pids')
    const clock = tickingClock(NOW)
    const argv = ['sh', '-c', 'sleep 600 & echo "$! $$" > "$0"; wait', file]
    const carrying = carry({ kind: 'command', argv }, clock)
    const pids = await eventually(() => {
      const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
      return text.endsWith('\n') ? text.trim().split(' ').map(Number) : undefined
    }, 'the command')
    await clock.advance(20_000)
    expect(await carrying).toEqual({ kind: 'failed', problem: 'The command sh took too long and was ended.' })
    for (const pid of pids) await eventually(() => !isRunning(pid) || undefined, `the end of ${pid}`)
  })
})

/** One that has ended and that nobody has asked for yet is a zombie. */
const isRunning = (pid: number): boolean => {
  const stat = `/proc/${pid}/stat`
  return existsSync(stat) && !/\) [ZX] /.test(readFileSync(stat, 'utf8'))
}

async function carry(config: ChannelConfig, clock: Clock = systemClock, notice = NOTICE) {
  const { elapsed } = systemClock
  const resolver = createResolver({ elapsed, allowedHosts: () => [] })
  const upstream = createUpstream({ resolver, egress: createEgressRules({}), elapsed })
  const environment = { PATH: process.env.PATH, SPILLWAY_SECRET_KEY: 'CANARY-key' }
  try {
    return await createCourier({ upstream, resolver, clock, environment }).carry(notice, config)
  } finally {
    upstream.close()
  }
}

const email = (fields: Partial<EmailConfig>): EmailConfig => ({
  kind: 'email',
  host: '127.0.0.1',
  port: mail.port,
  security: 'none',
  from: 'spillway@test.example',
  to: ['one@test.example'],
  ...fields,
})
