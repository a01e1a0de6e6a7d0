/**
 * A small OpenID provider over real sockets: discovery, keys, a page that lets everybody in at
 * once as whoever the test says, a token endpoint that checks the code, PKCE, the redirect and
 * the client's secret. What it signs, a test may spoil.
 */

export interface Issuer {
  readonly url: string
  /** What it says of whoever signs in next. */
  claims: Readonly<Record<string, unknown>>
  /** Changes the ID token's content before it is signed. */
  spoil: (claims: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>
  /** Signs with a key that is not among those it shows. */
  isForging: boolean
  /** Where a browser ends up that was sent to it: at the gateway's own callback. */
  authorize(url: string): URL
  /** The forms that came to its token endpoint. */
  readonly exchanged: readonly URLSearchParams[]
  stop(): void
}

interface Grant {
  readonly challenge: string
  readonly nonce: string
  readonly redirectUri: string
}

export const CLIENT = { id: 'spillway', secret: 'CANARY-client-secret' } as const

export async function startIssuer(): Promise<Issuer> {
  const [shown, hidden] = [await newKeys(), await newKeys()]
  const grants = new Map<string, Grant>()
  const exchanged: URLSearchParams[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    routes: {
      '/.well-known/openid-configuration': () => Response.json(metadataOf(issuer.url)),
      '/keys': async () => {
        const key = await crypto.subtle.exportKey('jwk', shown.publicKey)
        return Response.json({ keys: [{ ...key, kid: 'k', use: 'sig', alg: 'ES256' }] })
      },
      '/token': {
        POST: async (request) => {
          const form = new URLSearchParams(await request.text())
          exchanged.push(form)
          const code = form.get('code') ?? ''
          const grant = grants.get(code)
          grants.delete(code)
          const isClient = request.headers.get('authorization') === BASIC
          const isRight = grant !== undefined && (await isFor(grant, form))
          if (!isClient) return Response.json({ error: 'invalid_client' }, { status: 401 })
          if (!isRight) return Response.json({ error: 'invalid_grant' }, { status: 400 })
          const now = Math.floor(Date.now() / 1_000)
          const times = { iat: now, exp: now + 300 }
          const content = { iss: issuer.url, aud: CLIENT.id, ...times, nonce: grant.nonce, ...issuer.claims }
          const key = (issuer.isForging ? hidden : shown).privateKey
          const id_token = await sign(issuer.spoil(content), key)
          return Response.json({ access_token: 'CANARY-access', token_type: 'Bearer', id_token })
        },
      },
    },
  })
  const issuer: Issuer = {
    url: `http://127.0.0.1:${server.port}`,
    claims: {},
    spoil: (claims) => claims,
    isForging: false,
    exchanged,
    authorize(address) {
      const { searchParams: asked } = new URL(address)
      const code = `CANARY-code-${crypto.randomUUID()}`
      const redirectUri = asked.get('redirect_uri') ?? ''
      const challenge = asked.get('code_challenge') ?? ''
      grants.set(code, { challenge, nonce: asked.get('nonce') ?? '', redirectUri })
      const back = new URL(redirectUri)
      back.searchParams.set('code', code)
      back.searchParams.set('state', asked.get('state') ?? '')
      return back
    },
    stop: () => void server.stop(true),
  }
  return issuer
}

const BASIC = `Basic ${btoa(`${CLIENT.id}:${encodeURIComponent(CLIENT.secret).replaceAll('-', '%2D')}`)}`

const metadataOf = (issuer: string) => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/keys`,
  response_types_supported: ['code'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['ES256'],
})

const newKeys = () =>
  crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])

async function isFor({ challenge, redirectUri }: Grant, form: URLSearchParams): Promise<boolean> {
  const digest = await crypto.subtle.digest('SHA-256', Buffer.from(form.get('code_verifier') ?? ''))
  return Buffer.from(digest).toString('base64url') === challenge && form.get('redirect_uri') === redirectUri
}

async function sign(claims: Readonly<Record<string, unknown>>, key: CryptoKey): Promise<string> {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'ES256', kid: 'k', typ: 'JWT' })}.${part(claims)}`
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(text))
  return `${text}.${Buffer.from(signature).toString('base64url')}`
}
