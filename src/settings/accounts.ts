/** How accounts are signed in to and kept usable. Declarations only. */
import { MINUTE } from '../core/time.ts'
import { setting } from './setting.ts'
import { httpUrl, integer, optionalHttpUrl, secureOrigin, word } from './values.ts'

export const ACCOUNTS_SETTINGS = {
  clientId: setting(
    'The OAuth client that sign-ins and renewals of tokens name.',
    '9d1c250a-e61b-44d9-88ed-5944d1962f5e',
    word,
    { aliases: ['CLIENT_ID'], isHot: true },
  ),
  anthropicOauthUrl: setting(
    'The origin of the token endpoint, where codes and refresh tokens are exchanged.',
    'https://platform.claude.com',
    secureOrigin,
    { isHot: true },
  ),
  anthropicAuthorizeUrl: setting(
    'Where people sign in, in the place of claude.ai (subscriptions) and platform.claude.com (console).',
    '',
    optionalHttpUrl,
    { isHot: true },
  ),
  oauthRedirectUrl: setting(
    'The address that a sign-in ends at; it shows the code to paste.',
    'https://platform.claude.com/oauth/code/callback',
    httpUrl,
    { isHot: true },
  ),
  usagePollMs: setting(
    'How often providers are asked for an account’s usage, where they tell it; never more often than each bears. 0 never asks.',
    10 * MINUTE,
    integer(0),
    { isHot: true },
  ),
} as const
