/**
 * Providers of Anthropic's dialect that a row says everything about: an origin, a header, what
 * their users trip over (`wire.md` §4.1). Whoever has readers of his own has a file of his own.
 */
import { ANTHROPIC_DIALECT } from './dialect.ts'
import type { Provider } from './provider.ts'
import { asBearer, asGiven, asKey, asPlainApiKey, whereNeeded } from './sign.ts'

const MIMO_MODELS = ['mimo-v2.5-pro', 'mimo-v2-flash', 'mimo-v2-omni']
const QWEN_MODELS = ['qwen3-coder-plus', 'qwen3-max']

export const COMPATIBLE: readonly Provider[] = [
  {
    ...ANTHROPIC_DIALECT,
    id: 'anthropic-compatible',
    label: 'Anthropic-compatible endpoint',
    baseUrl: undefined,
    credential: 'optional-key',
    sign: whereNeeded(asGiven),
    notes: ['A key is sent as x-api-key; give it as "Bearer …" where the endpoint wants a bearer token.'],
  },
  {
    ...ANTHROPIC_DIALECT,
    id: 'alibaba',
    label: 'Alibaba Model Studio, pay as you go',
    baseUrl: 'https://dashscope-intl.aliyuncs.com/apps/anthropic',
    sign: asKey,
    models: QWEN_MODELS,
    notes: ['Keys of mainland China work only there: https://dashscope.aliyuncs.com/apps/anthropic.'],
  },
  {
    ...ANTHROPIC_DIALECT,
    id: 'alibaba-plan',
    label: 'Alibaba Coding Plan',
    baseUrl: 'https://coding-intl.dashscope.aliyuncs.com/apps/anthropic',
    sign: asKey,
    models: QWEN_MODELS,
    notes: [
      'The plan’s keys work only here, and pay-as-you-go keys do not.',
      'Keys of mainland China work only there: https://coding.dashscope.aliyuncs.com/apps/anthropic.',
      'Its quota can be seen in its console only.',
    ],
  },
  {
    ...ANTHROPIC_DIALECT,
    id: 'xiaomi-mimo',
    label: 'Xiaomi MiMo, pay as you go',
    baseUrl: 'https://api.xiaomimimo.com/anthropic',
    sign: asPlainApiKey,
    models: MIMO_MODELS,
    notes: ['Its keys begin with "sk-"; those that begin with "tp-" belong to xiaomi-mimo-plan.'],
  },
  {
    ...ANTHROPIC_DIALECT,
    id: 'xiaomi-mimo-plan',
    label: 'Xiaomi MiMo token plan',
    baseUrl: 'https://token-plan-sgp.xiaomimimo.com/anthropic',
    sign: asPlainApiKey,
    models: MIMO_MODELS,
    notes: [
      'Its keys begin with "tp-"; those that begin with "sk-" belong to xiaomi-mimo.',
      'Plans elsewhere have other hosts: token-plan-cn and token-plan-ams instead of token-plan-sgp.',
    ],
  },
  {
    ...ANTHROPIC_DIALECT,
    id: 'vercel',
    label: 'Vercel AI Gateway',
    baseUrl: 'https://ai-gateway.vercel.sh',
    sign: asBearer,
    models: ['anthropic/claude-opus-5.5', 'anthropic/claude-sonnet-5.5'],
    notes: ['Models have their vendor’s name before their own: map the names that your clients use.'],
  },
  {
    ...ANTHROPIC_DIALECT,
    id: 'meta',
    label: 'Meta',
    baseUrl: 'https://api.meta.ai',
    sign: asBearer,
    models: ['muse-spark-1.2'],
    notes: ['Little is known of it; its address and models may have changed.'],
  },
]
