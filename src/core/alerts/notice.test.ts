/** What is told, in each receiver's shape (fixtures), and what of a channel may be seen. */
import { describe, expect, it } from 'bun:test'
import { NOON } from '../../../test/support/samples.ts'
import { HOUR, later, SECOND } from '../time.ts'
import { type ChannelConfig, MOST_ATTEMPTS, readRetryAfter, retryPause, targetOf } from './channel.ts'
import {
  messageIdOf,
  type Notice,
  toDiscordBody,
  toMailText,
  toNtfyBody,
  toSlackBody,
  toWebhookBody,
} from './notice.ts'

const FIRED: Notice = {
  type: 'alert.fired',
  alert: '0197',
  rule: 'weekly window',
  kind: 'window-above',
  severity: 'critical',
  message: 'The 7d window of account <a&b> is used by 91 %.',
  value: 0.91,
  firedAt: NOON,
}
const OVER: Notice = { ...FIRED, type: 'alert.resolved', resolvedAt: later(NOON, HOUR) }

describe('a notice', () => {
  it('as a webhook has a type, a time and data', () => {
    expect(JSON.parse(toWebhookBody(OVER))).toEqual({
      type: 'alert.resolved',
      timestamp: '2026-11-20T13:00:00.000Z',
      data: {
        id: '0197',
        rule: 'weekly window',
        kind: 'window-above',
        severity: 'critical',
        message: 'The 7d window of account <a&b> is used by 91 %.',
        value: 0.91,
        firedAt: '2026-11-20T12:00:00.000Z',
        resolvedAt: '2026-11-20T13:00:00.000Z',
      },
    })
    expect([messageIdOf(FIRED), messageIdOf(OVER)]).toEqual(['0197_fired', '0197_resolved'])
  })

  it('for Slack names its marks', () => {
    expect(JSON.parse(toSlackBody(FIRED))).toEqual({
      text: 'Spillway critical: weekly window: The 7d window of account &lt;a&amp;b&gt; is used by 91 %.',
      blocks: [
        {
          type: 'header',
          text: { type: 'plain_text', text: 'Spillway critical: weekly window', emoji: false },
        },
        {
          type: 'section',
          text: { type: 'mrkdwn', text: 'The 7d window of account &lt;a&amp;b&gt; is used by 91 %.' },
        },
      ],
    })
  })

  it('for Discord calls nobody', () => {
    expect(JSON.parse(toDiscordBody({ ...FIRED, message: '@everyone' }))).toEqual({
      content: '',
      embeds: [
        {
          title: 'Spillway critical: weekly window',
          description: '@everyone',
          color: 0xdc2626,
          timestamp: '2026-11-20T12:00:00.000Z',
        },
      ],
      allowed_mentions: { parse: [] },
    })
  })

  it('for ntfy is as urgent as it is severe, and less when it is over', () => {
    expect(JSON.parse(toNtfyBody(FIRED, 'ops'))).toEqual({
      topic: 'ops',
      title: 'Spillway critical: weekly window',
      message: FIRED.message,
      priority: 5,
      tags: ['warning'],
    })
    expect(JSON.parse(toNtfyBody(OVER, 'ops'))).toMatchObject({ priority: 2, tags: ['white_check_mark'] })
  })

  it('as a mail is a few lines', () => {
    expect(toMailText(OVER)).toBe(
      `${FIRED.message}\n\nRule: weekly window (critical)\nSince: 2026-11-20T12:00:00.000Z\nOver: 2026-11-20T13:00:00.000Z\n`,
    )
  })

  it('is no longer than its receiver takes', () => {
    const long = { ...FIRED, rule: 'r'.repeat(64), message: 'x'.repeat(10_000) }
    const slack = JSON.parse(toSlackBody(long))
    expect(slack.blocks[1].text.text).toHaveLength(2_900)
    expect(JSON.parse(toDiscordBody(long)).embeds[0].description).toHaveLength(4_000)
  })
})

describe('a channel', () => {
  it.each<[ChannelConfig, string]>([
    [{ kind: 'slack', url: 'https://hooks.slack.com/services/T0/B0/secret' }, 'https://hooks.slack.com/…'],
    [
      { kind: 'webhook', url: 'https://me:secret@hooks.example:8443/x?token=secret', secret: 'secret' },
      'https://hooks.example:8443/…',
    ],
    [{ kind: 'ntfy', url: 'https://ntfy.sh/secret', token: 'secret' }, 'https://ntfy.sh/…'],
    [{ kind: 'command', argv: ['notify-send', '--token', 'secret'] }, 'notify-send'],
    [
      {
        kind: 'email',
        host: 'smtp.example',
        port: 587,
        security: 'starttls',
        username: 'u',
        password: 'secret',
        from: 'f@e',
        to: ['a@e', 'b@e'],
      },
      'a@e, b@e by smtp.example:587',
    ],
  ])('shows where %o leads and no secret', (config, target) => {
    expect(targetOf(config)).toBe(target)
  })

  it('is tried again with growing pauses, so often and no more', () => {
    const pauses = Array.from({ length: MOST_ATTEMPTS }, (_, index) =>
      retryPause(index + 1, 10 * SECOND, 0.5),
    )
    expect(pauses.map((ms) => ms && ms / SECOND)).toEqual([
      10,
      40,
      160,
      640,
      2_560,
      10_240,
      40_960,
      undefined,
    ])
    expect(retryPause(9, SECOND, 0.5)).toBeUndefined()
  })

  it.each([
    ['30', 30 * SECOND],
    [' 5 ', 5 * SECOND],
    ['999999999', HOUR],
    ['-1', undefined],
    ['soon', undefined],
    [undefined, undefined],
  ])('asked to wait %p', (text, ms) => {
    expect(readRetryAfter(text)).toBe(ms)
  })
})
