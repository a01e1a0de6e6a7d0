/** The name that was most likely meant. */
import { expect, it } from 'bun:test'
import { nearest } from './similar.ts'

it.each([
  ['afinity', ['session', 'affinity'], 'affinity'],
  ['ROUND-ROBIN', ['round-robin'], 'round-robin'],
  ['subscriptoins', ['keys', 'subscriptions'], 'subscriptions'],
  ['x', ['affinity', 'session'], undefined],
  ['anything', [], undefined],
  ['', ['affinity'], undefined],
])('%p among %p is %p', (wanted, names, near) => {
  expect(nearest(wanted, names)).toBe(near)
})
