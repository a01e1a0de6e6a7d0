/** Paths under /v1: what a pool answers, what it must not, and what belongs to one organization. */
import { describe, expect, it } from 'bun:test'
import { endpointOf, isIdentity } from './endpoint.ts'

describe('endpointOf', () => {
  it.each([
    ['POST', '/v1/messages', 'messages'],
    ['POST', '/v1/messages/count_tokens', 'count-tokens'],
    ['GET', '/v1/messages', 'other'],
    ['GET', '/v1/models', 'other'],
    ['GET', '/v1/models/claude-sonnet-5-5', 'other'],
    ['POST', '/v1/messages/', 'other'],
    ['POST', '/v1/Messages', 'other'],
    ['POST', '/v1/complete', 'other'],
    ['POST', '/v1/something_new', 'other'],
    ['POST', '/v1/messages/batches/msgbatch_01/cancel', 'other'],
  ] as const)('takes %s %s for %s', (method, path, kind) => {
    expect(endpointOf(method, path).kind).toBe(kind)
  })

  it.each([
    '/v1/oauth/token',
    '/v1/oauth',
    '/v1/oauth/profile',
    '/v1/organizations',
    '/v1/organizations/usage_report/messages',
    '/v1/me',
    '/v1/sessions/s1',
    '/v1/code/sessions',
    '/v1/session_ingress/x',
    '/api/oauth/profile',
    '/api/oauth/usage',
    '/api/oauth/claude_cli/roles',
    '/api/oauth/init/x',
    '/api/claude_cli/bootstrap',
    '/api/claude_code/settings',
    '/v1/%6fauth/profile',
    '/v1/o%61uth/token',
    '/v1/%6D%65',
  ])('knows that %s speaks about one person, which a pool is not', (path) => {
    for (const method of ['GET', 'POST', 'DELETE']) expect(endpointOf(method, path).kind).toBe('identity')
  })

  it.each(['/api/oauth/init', '/api/oauth/callback', '/api/accounts', '/api/requests', '/health'])(
    'leaves %s to the gateway’s own API',
    (path) => expect(isIdentity(path)).toBe(false),
  )

  it.each(['/v1/messages_oauth', '/v1/oauthx', '/v1/meter', '/v1/files/me'])(
    'knows %s for something else',
    (path) => {
      expect(endpointOf('GET', path).kind).toBe('other')
    },
  )
})

describe('resources', () => {
  it.each([
    ['/v1/files/file_011CNha8iCJcU1wXNR6q4V8w', ['file_011CNha8iCJcU1wXNR6q4V8w']],
    ['/v1/files/file_01/content', ['file_01']],
    ['/v1/messages/batches/msgbatch_01-a/results', ['msgbatch_01-a']],
    ['/v1/skills/skill_01/versions', ['skill_01']],
    ['/v1/files/file_01/x/skill_02', ['file_01', 'skill_02']],
    ['/v1/files', []],
    ['/v1/models/claude-sonnet-5-5', []],
    ['/v1/files/file_', []],
    ['/v1/files/profile_01', []],
    ['/v1/files/file_01%2f', []],
    [`/v1/files/file_${'x'.repeat(200)}`, []],
  ])('in %s are %j', (path, resources) => {
    expect(endpointOf('GET', path).resources).toEqual(resources)
  })

  it.each([
    ['/v1/messages/batches', true],
    ['/v1/messages/batches/msgbatch_01', true],
    ['/v1/messages/batches/msgbatch_01/cancel', true],
    ['/v1/messages/batches/msgbatch_01/results', false],
    ['/v1/messages', false],
    ['/v1/files', false],
  ])('have their results named by an answer of %s: %p', (path, expected) => {
    expect(endpointOf('GET', path).namesResults).toBe(expected)
  })

  it.each([
    ['POST', '/v1/files', true],
    ['POST', '/v1/messages/batches', true],
    ['POST', '/v1/skills', true],
    ['GET', '/v1/files', false],
    ['POST', '/v1/messages', false],
    ['POST', '/v1/messages/batches/msgbatch_01/cancel', false],
    ['DELETE', '/v1/files/file_01', false],
  ])('are created by %s %s: %p', (method, path, expected) => {
    expect(endpointOf(method, path).creates).toBe(expected)
  })
})
