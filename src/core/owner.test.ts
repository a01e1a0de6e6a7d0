/** Who reaches what somebody made: the account itself, and its organization where that is known. */
import { expect, it } from 'bun:test'
import { ownerOf, sampleView } from '../../test/support/samples.ts'
import { isReachable } from './owner.ts'

const account = (name: string, organization?: string) => sampleView(name, { organization })

it.each([
  ['the account itself', ownerOf('a', 'acme'), account('a', 'acme'), true],
  ['the account itself, of which no organization is known', ownerOf('a'), account('a'), true],
  [
    'the account itself, in whatever organization it is by now',
    ownerOf('a', 'acme'),
    account('a', 'other'),
    true,
  ],
  ['another account of the same organization', ownerOf('a', 'acme'), account('b', 'acme'), true],
  ['an account of another organization', ownerOf('a', 'acme'), account('b', 'other'), false],
  ['an account of which no organization is known', ownerOf('a', 'acme'), account('b'), false],
  [
    'another account where nobody’s organization is known: unknown is not the same',
    ownerOf('a'),
    account('b'),
    false,
  ],
])('%s', (_who, owner, view, expected) => {
  expect(isReachable(owner, view)).toBe(expected)
})
