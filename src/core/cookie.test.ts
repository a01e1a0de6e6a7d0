/** Cookies: what a browser is told, and what is believed of what it brings. */
import { describe, expect, it } from 'bun:test'
import { cookieIn, sessionCookie, sessionSecretIn } from './cookie.ts'

describe('the session’s cookie', () => {
  it('goes to no script and to no other site', () => {
    expect(sessionCookie('sps_x', 60_000, false)).toBe(
      'spillway_session=sps_x; Path=/; Max-Age=60; HttpOnly; SameSite=Strict',
    )
  })

  it('over HTTPS goes nowhere else, and can have been set by nobody else', () => {
    expect(sessionCookie('sps_x', 60_000, true)).toBe(
      '__Host-spillway_session=sps_x; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure',
    )
  })

  it('is taken away by one that has ended', () => {
    expect(sessionCookie(undefined, 60_000, false)).toStartWith('spillway_session=; Path=/; Max-Age=0;')
  })

  it('is found by its name, the one that only we can have set first', () => {
    expect(sessionSecretIn('a=b; spillway_session=x; c', false)).toBe('x')
    expect(sessionSecretIn('spillway_session=x; __Host-spillway_session=y', false)).toBe('y')
    expect(sessionSecretIn('xspillway_session=x; spillway_sessions=z', false)).toBeUndefined()
    expect(sessionSecretIn(undefined, false)).toBeUndefined()
  })

  it('of a connection with TLS is believed under that name only', () => {
    expect(sessionSecretIn('spillway_session=x', true)).toBeUndefined()
    expect(sessionSecretIn('__Host-spillway_session=y; spillway_session=x', true)).toBe('y')
  })
})

it('a cookie’s value is what stands behind the first = of its name', () => {
  expect(cookieIn('a=1=2;b= x ;a=3', 'a')).toBe('1=2')
  expect(cookieIn('a=1;b= x ', 'b')).toBe('x')
  expect(cookieIn('=a;b', 'b')).toBeUndefined()
})
