/** A certificate that nears its end, or cannot be renewed, is told of. */
import { expect, it } from 'bun:test'
import { type CertificateStatus, certificateProblems } from './certificate.ts'
import { DAY, later, toMillis } from './time.ts'

const NOW = toMillis(Date.parse('2026-11-25T10:00:00Z'))

it.each([
  ['has more than a week left', 7 * DAY + 1, undefined, []],
  ['has a week left', 7 * DAY, undefined, [/ends at 2026-12-02T10:00:00/]],
  ['has ended', -1, undefined, [/has ended at 2026-11-25T09:59:59/]],
  ['cannot be renewed', 30 * DAY, 'The key is another’s.', [/still shown: The key is another’s\.$/]],
  ['cannot be renewed and ends', 1, 'The key is another’s.', [/still shown/, /ends at/]],
])('of one that %s', (_what, leftMs, problem, words) => {
  const status: CertificateStatus = {
    subject: 'CN=localhost',
    serialNumber: '01',
    expiresAt: later(NOW, leftMs),
    problem,
  }
  const problems = certificateProblems(status, NOW)
  expect(problems).toHaveLength(words.length)
  for (const [index, word] of words.entries()) expect(problems[index]).toMatch(word)
})
