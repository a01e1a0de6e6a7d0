/** How the gateway listens and who may reach it. Declarations only. */
import { MINUTE } from '../core/time.ts'
import { setting, withoutPassword } from './setting.ts'
import { databaseUrl, integer, names, oneOf, optionalHttpUrl, text } from './values.ts'

export const SERVER_SETTINGS = {
  host: setting('The address to listen on.', '127.0.0.1', text, { flag: '--host' }),
  port: setting('The port to listen on; 0 takes a free one.', 8080, integer(0, 65_535), {
    aliases: ['PORT'],
    flag: '--port',
  }),
  tlsCert: setting('A PEM file with the certificate, to serve HTTPS.', '', text, {
    aliases: ['SSL_CERT_PATH'],
    flag: '--tls-cert',
  }),
  tlsKey: setting('A PEM file with the certificate’s key.', '', text, {
    aliases: ['SSL_KEY_PATH'],
    flag: '--tls-key',
  }),
  publicUrl: setting(
    'How clients reach this gateway, where that is not what their Host says (behind a proxy with TLS).',
    '',
    optionalHttpUrl,
    { isHot: true },
  ),
  databaseUrl: setting('A PostgreSQL database to use instead of SQLite (postgres://…).', '', databaseUrl, {
    isSecret: true,
    shown: withoutPassword,
  }),
  allowedHosts: setting('Further names that this gateway answers to in the Host header.', [], names, {
    isHot: true,
  }),
  allowedOrigins: setting('Web origins whose pages may call this gateway.', [], names, { isHot: true }),
  requireKeys: setting(
    'Whether clients must show a key: auto (once a key exists, or when not on loopback), always, off.',
    'auto',
    oneOf('auto', 'always', 'off'),
    { isHot: true },
  ),
  maxBodyBytes: setting('The largest request body.', 32 << 20, integer(1_024), { isHot: true }),
  drainMs: setting(
    'How long running answers may go on after a stop was asked for.',
    10 * MINUTE,
    integer(0),
    { isHot: true },
  ),
} as const
