/** Values out of foreign JSON: every spelling of a number and a moment, and what is none. */
import { describe, expect, it } from 'bun:test'
import { fieldsOf, objectsOf, readMoment, readNumber, readObject, readPercent } from './fields.ts'

const NOON = Date.parse('2026-11-20T12:00:00Z')

describe('a moment', () => {
  it.each<[value: unknown]>([
    ['2026-11-20T12:00:00Z'],
    ['2026-11-20T20:00:00+08:00'],
    [NOON],
    [NOON / 1000],
    [String(NOON)],
    [String(NOON / 1000)],
  ])('is read from %p', (value) => expect(Number(readMoment(value))).toBe(NOON))

  it.each<[value: unknown]>([
    ['soon'],
    [''],
    [0],
    [-1],
    [3_600],
    [NOON * 1000],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [null],
    [undefined],
    [true],
    [{}],
    ['2026-11-20 12:00:00'],
  ])('is not read from %p', (value) => expect(readMoment(value)).toBeUndefined())
})

describe('a number', () => {
  it.each<[value: unknown, number: number | undefined]>([
    [5, 5],
    ['5', 5],
    ['-5.5', -5.5],
    ['', undefined],
    [' 5', undefined],
    ['5 USD', undefined],
    ['1e9', undefined],
    ['9'.repeat(400), undefined],
    [Number.NaN, undefined],
    [null, undefined],
    [true, undefined],
  ])('in %p is %p', (value, number) => expect(readNumber(value)).toBe(number))

  it('of per cent becomes a fraction, and is never negative', () => {
    expect([42, '42', 0, 113, -1, 'x'].map(readPercent)).toEqual([0.42, 0.42, 0, 1.13, undefined, undefined])
  })
})

describe('an object', () => {
  it.each(['', 'null', '5', '[]', '"{}"', '{', '<html>'])('is not read from %p', (text) => {
    expect(readObject(text)).toBeUndefined()
  })

  it('is read whatever space stands around it', () => expect(readObject(' \n{"a":1}\n')).toEqual({ a: 1 }))

  it('that is missing has no fields and is in no list', () => {
    expect([null, undefined, 5, 'x', []].map(fieldsOf)).toEqual([{}, {}, {}, {}, {}])
    expect(objectsOf([{ a: 1 }, null, 5, []])).toEqual([{ a: 1 }])
    expect([null, {}, 'x'].map(objectsOf)).toEqual([[], [], []])
  })
})
