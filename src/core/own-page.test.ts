/** A cookie vouches for a call only when no page of another site can have made it. */
import { describe, expect, it } from 'bun:test'
import { type CookieCall, forgeryIn } from './own-page.ts'

const call = (fields: Partial<CookieCall>): CookieCall => ({
  method: 'POST',
  contentType: 'application/json',
  origin: 'http://127.0.0.1:8080',
  fetchSite: 'same-origin',
  ...fields,
})

describe('a call with a cookie', () => {
  it.each(['POST', 'PATCH', 'PUT', 'DELETE'])(
    '%s counts when it is JSON and says where it comes from',
    (method) => {
      expect(forgeryIn(call({ method }))).toBeUndefined()
      expect(forgeryIn(call({ method, fetchSite: undefined }))).toBeUndefined()
      expect(forgeryIn(call({ method, origin: undefined }))).toBeUndefined()
      expect(forgeryIn(call({ method, origin: undefined, fetchSite: 'none' }))).toBeUndefined()
    },
  )

  it.each(['POST', 'PATCH', 'PUT', 'DELETE'])(
    '%s does not count as anything that a form can send',
    (method) => {
      for (const contentType of [
        undefined,
        '',
        'text/plain',
        'application/x-www-form-urlencoded',
        'application/jsonp',
      ])
        expect(forgeryIn(call({ method, contentType }))).toContain('application/json')
    },
  )

  it.each(['POST', 'PATCH', 'PUT', 'DELETE'])(
    '%s does not count without a word on where it comes from',
    (method) => {
      for (const fetchSite of [undefined, 'cross-site', 'same-site', 'Same-Origin'])
        expect(forgeryIn(call({ method, origin: undefined, fetchSite }))).toContain('Origin')
    },
  )

  it.each(['GET', 'HEAD'])('%s changes nothing and counts', (method) => {
    expect(
      forgeryIn(call({ method, contentType: undefined, origin: undefined, fetchSite: undefined })),
    ).toBeUndefined()
  })
})
