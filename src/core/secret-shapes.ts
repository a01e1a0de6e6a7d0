/**
 * What credentials look like, wherever they stand in a text. Each pattern finds its end
 * where it began to succeed, so none takes longer than one pass over the text.
 */

/** Keys of providers, of clients and of the admin. */
const SECRETS =
  /\b(?:(?:sk-[A-Za-z0-9-]{2,10}-|spk_|spa_)[A-Za-z0-9_-]{8,}|sk-[A-Za-z0-9]{20,})|(?<=bearer )[A-Za-z0-9._~+/-]{8,}=*/gi

/** What people and programs paste into conversations besides. */
export const FOREIGN_SECRETS: readonly { readonly name: string; readonly pattern: RegExp }[] = [
  { name: 'key of a provider', pattern: SECRETS },
  { name: 'GitHub token', pattern: /(?<![A-Za-z0-9_])(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})/g },
  { name: 'AWS access key', pattern: /(?<![A-Za-z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![A-Za-z0-9])/g },
  { name: 'Google API key', pattern: /(?<![A-Za-z0-9_-])AIza[0-9A-Za-z_-]{35}/g },
  { name: 'Slack token', pattern: /(?<![A-Za-z0-9])xox[abeprs]-[A-Za-z0-9-]{10,}/g },
  { name: 'JSON web token', pattern: /(?<![A-Za-z0-9_.-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g },
  {
    name: 'private key',
    pattern: /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\\\s]*/g,
  },
]
