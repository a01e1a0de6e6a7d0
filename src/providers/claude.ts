/**
 * Claude itself: Anthropic's own API, and the clouds that serve the same one. Must not know
 * how a sign-in is done.
 */
import { OAUTH_BETA } from './anthropic/oauth.ts'
import { CLAUDE_USAGE } from './anthropic/usage.ts'
import { ANTHROPIC_DIALECT } from './dialect.ts'
import type { Provider } from './provider.ts'
import { asBearer, asGiven, asKey } from './sign.ts'

const ORIGIN = 'https://api.anthropic.com'
const MODELS = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5', 'claude-fable-5-2']

const CONSOLE: Provider = {
  ...ANTHROPIC_DIALECT,
  id: 'console',
  label: 'Anthropic API key',
  baseUrl: ORIGIN,
  sign: asKey,
  models: MODELS,
}

const CLAUDE_OAUTH: Provider = {
  ...ANTHROPIC_DIALECT,
  id: 'claude-oauth',
  label: 'Claude subscription or console sign-in',
  baseUrl: ORIGIN,
  credential: 'sign-in',
  sign: asBearer,
  betas: [OAUTH_BETA],
  models: MODELS,
  notes: [
    'Anthropic means subscription sign-ins for its own applications and may act against other use; API keys are the supported way.',
    'Give the gateway a sign-in of its own: two programs that share one log each other out.',
    'A setup token serves requests, but may not ask for usage.',
  ],
  usage: CLAUDE_USAGE,
}

const FOUNDRY: Provider = {
  ...ANTHROPIC_DIALECT,
  id: 'foundry',
  label: 'Claude in Microsoft Foundry',
  baseUrl: undefined,
  sign: asGiven,
  notes: [
    'The base URL is that of your resource: https://<resource>.services.ai.azure.com/anthropic.',
    'Models are called as your deployments are.',
    'A token of Entra ID is given with its scheme: "Bearer …".',
  ],
}

const CLAUDE_AWS: Provider = {
  ...ANTHROPIC_DIALECT,
  id: 'claude-aws',
  label: 'Claude Platform on AWS',
  baseUrl: undefined,
  sign: asKey,
  models: MODELS,
  notes: [
    'The base URL is that of your region: https://aws-external-anthropic.<region>.api.aws.',
    'Every request needs the header anthropic-workspace-id: give it to the account as a header of its own.',
    'Requests signed with SigV4 are not supported, only keys.',
  ],
}

export const CLAUDE: readonly Provider[] = [CONSOLE, CLAUDE_OAUTH, FOUNDRY, CLAUDE_AWS]
