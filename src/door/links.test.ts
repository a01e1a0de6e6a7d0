/** A link lets one browser in, once, for ten minutes. */
import { describe, expect, it } from 'bun:test'
import { countedSecrets } from '../../test/support/people.ts'
import { manualClock } from '../../test/support/samples.ts'
import { createLinks, LINK_LIFE_MS } from './links.ts'

describe('a one-time link', () => {
  const bearer = { name: 'admin token', userId: undefined }
  const open = () => {
    const clock = manualClock()
    return { clock, links: createLinks(countedSecrets(), clock.elapsed) }
  }

  it('works once', () => {
    const { links } = open()
    const token = links.make(bearer)
    expect(links.use(token)).toMatchObject(bearer)
    expect(links.use(token)).toBeUndefined()
  })

  it('works for ten minutes and no longer', () => {
    const { links, clock } = open()
    const [early, late] = [links.make(bearer), links.make(bearer)]
    clock.advance(LINK_LIFE_MS - 1)
    expect(links.use(early)).toMatchObject(bearer)
    clock.advance(1)
    expect(links.use(late)).toBeUndefined()
  })

  it('is nothing that somebody made up', () => {
    const { links } = open()
    links.make(bearer)
    for (const token of ['', 'spl_', 'spl_2', 'digest of spl_1']) expect(links.use(token)).toBeUndefined()
  })

  it('of a user who may no longer come in does not work either', () => {
    const { links } = open()
    const [theirs, other] = [links.make({ name: 'ann', userId: 'id-ann' }), links.make(bearer)]
    links.forget('id-ann')
    expect(links.use(theirs)).toBeUndefined()
    expect(links.use(other)).toMatchObject(bearer)
  })

  it('pushes out the oldest when there are too many', () => {
    const { links } = open()
    const tokens = Array.from({ length: 101 }, () => links.make(bearer))
    expect(tokens.map(links.use).filter((found) => found === undefined)).toHaveLength(1)
    expect(links.use(tokens[0] ?? '')).toBeUndefined()
  })
})
