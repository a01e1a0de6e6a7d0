/** What is kept of requests' and answers' bodies, how much and for how long. Declarations only. */
import { isPayloadRule, PAYLOAD_WORDS } from '../core/payload.ts'
import { patterns } from './patterns.ts'
import { type Reader, setting } from './setting.ts'
import { integer } from './values.ts'

const PAYLOAD_RULE: Reader<string> = Object.assign(
  (input: unknown): string => {
    if (isPayloadRule(input)) return input
    throw new Error(`must be one of ${PAYLOAD_WORDS}`)
  },
  { shape: { type: 'string' } as const },
)

export const PAYLOAD_SETTINGS = {
  payloads: setting(
    'What is kept of requests and answers beside their ledger row: off, headers, errors (bodies of what did not go well), "sampled 5%" (bodies of such a part), all. A key may say otherwise.',
    'off',
    PAYLOAD_RULE,
    { isHot: true },
  ),
  payloadMaxBytes: setting(
    'How much of a body is kept, of the request and of the answer each; the rest is left out and said so.',
    8 << 20,
    integer(0, 32 << 20),
    { isHot: true },
  ),
  payloadBudgetBytes: setting(
    'How large the file of payloads may become; the oldest go first.',
    1 << 30,
    integer(1 << 20),
    { isHot: true },
  ),
  payloadRetentionDays: setting(
    'How long payloads are kept; 0 keeps them until there are too many.',
    7,
    integer(0, 36_500),
    { aliases: ['DATA_RETENTION_DAYS'], isHot: true },
  ),
  payloadRedactions: setting<readonly string[]>(
    'Patterns of what is blotted out of payloads before they are kept, besides credentials: regular expressions of RE2 (a list).',
    [],
    patterns,
    { isHot: true },
  ),
} as const
