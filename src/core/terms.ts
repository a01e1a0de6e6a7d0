/** What is said, once and in plain words, before the first subscription is added. */

export const SUBSCRIPTION_TERMS =
  'Before you add a subscription: Anthropic’s terms say that the logins of Free, Pro and Max plans are meant for ' +
  'Claude Code and Anthropic’s own apps. Using such a login through another program, as Spillway is one, may be ' +
  'against those terms, and Anthropic may limit or close the account without notice. API keys (provider console), ' +
  'Google Cloud and AWS are the ways that are meant for this. Spillway forwards what your client really sends and ' +
  'disguises nothing. Read https://code.claude.com/docs/en/legal-and-compliance and add only accounts that are yours.'
