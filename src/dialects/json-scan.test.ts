/** The scanner against JSON.parse: whatever the parser reads, the scanner finds in the same place. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { findElements, findMembers, readString, type Span, tailOfLast } from './json-scan.ts'

const NAMES = ['model', 'stream', 'metadata', 'm'] as const

describe('findMembers', () => {
  it.each<[string, string, string | undefined]>([
    ['a plain member', '{"model":"x"}', '"x"'],
    ['a member among others', '{"a":1,"model":"x","b":2}', '"x"'],
    ['white space of every kind', ' \t\r\n{ \n"model" \r:\t"x" \n, "b" : 1 } \n', '"x"'],
    ['the last of two', '{"model":"x","model":"y"}', '"y"'],
    ['a value of another type', '{"model":[1,{"model":2}]}', '[1,{"model":2}]'],
    ['the outer of two', '{"a":{"model":"inner"},"model":"outer"}', '"outer"'],
    ['the outer of two, before the inner', '{"model":"outer","a":[{"model":"inner"}]}', '"outer"'],
    ['no inner one', '{"a":{"model":"inner"}}', undefined],
    ['no member inside a text', '{"a":"\\"model\\":\\"x\\""}', undefined],
    ['no longer name', '{"models":"x","xmodel":"y"}', undefined],
    ['no shorter name', '{"mode":"x"}', undefined],
    ['no name in other letters', '{"Model":"x"}', undefined],
    ['nothing in an empty object', '{}', undefined],
    ['nothing in an empty object with space', ' { } ', undefined],
    ['what follows a text that ends with backslashes', '{"a":"\\\\\\\\","model":"x"}', '"x"'],
    ['what follows a text with an escaped quote at its end', '{"a":"\\\\\\"","model":"x"}', '"x"'],
    ['what follows brackets in a text', '{"a":"]}[{","b":["}"],"model":"x"}', '"x"'],
    ['a literal', '{"model":-1.5e+3}', '-1.5e+3'],
    ['a name written with escapes', '{"mod\\u0065l":"x"}', '"x"'],
    ['the last of two, one of them written with escapes', '{"model":"x","mod\\u0065l":"y"}', '"y"'],
  ])('finds %s', (_what, json, expected) => {
    expect(textAt(json, members(json)?.model)).toBe(expected)
  })

  it.each([
    ['nothing', ''],
    ['space', ' \n'],
    ['an array', '[{"model":"x"}]'],
    ['a text', '"model"'],
    ['a literal', 'true'],
    ['an object cut short', '{"model":"x"'],
    ['an object cut in a text', '{"model":"x'],
    ['an object cut in an escape', '{"model":"x\\'],
    ['an object cut after a name', '{"model"'],
    ['an object cut after a colon', '{"model":'],
    ['an object cut in a container', '{"a":[1,{"b":2}'],
    ['two objects', '{"a":1}{"b":2}'],
    ['something after the object', '{"model":"x"} x'],
    ['a comma too many', '{"model":"x",}'],
    ['a comma too few', '{"model":"x" "b":1}'],
    ['a leading comma', '{,"model":"x"}'],
    ['a name without quotes', '{model:"x"}'],
    ['single quotes', "{'model':'x'}"],
    ['a missing value', '{"model":,"b":1}'],
    ['an unknown literal', '{"model":nul}'],
    ['a number that is none', '{"model":01}'],
    ['a comment', '{/**/"model":"x"}'],
    ['a byte order mark', '\ufeff{"model":"x"}'],
  ])('refuses %s', (_what, json) => {
    expect(members(json)).toBeUndefined()
  })

  it('takes numbers of any length', () => {
    const json = `{"a":0.${'1'.repeat(200)},"model":"x"}`
    expect(textAt(json, members(json)?.model)).toBe('"x"')
  })

  it('takes any depth', () => {
    const json = `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)},"model":"x"}`
    expect(textAt(json, members(json)?.model)).toBe('"x"')
  })

  it('looks within a span only', () => {
    const json = '[{"model":"x"},{"model":"y"}]'
    const span = { start: 15, end: 28 }
    expect(textAt(json, findMembers(bytesOf(json), NAMES, span)?.model)).toBe('"y"')
  })

  it('knows no name that the object does not have, not even an inherited one', () => {
    expect(findMembers(bytesOf('{"a":1}'), ['constructor', 'toString'])).not.toHaveProperty('constructor')
  })

  it('agrees with JSON.parse on every object', () => {
    fc.assert(fc.property(objectTexts(), agrees), { numRuns: 500 })
  })

  it('agrees with JSON.parse on every object that is left after an accident', () => {
    const accident = fc.record({
      at: fc.nat(),
      remove: fc.nat({ max: 3 }),
      insert: fc.constantFrom(...SHARDS),
    })
    fc.assert(
      fc.property(objectTexts(), accident, (json, { at, remove, insert }) => {
        const start = at % (json.length + 1)
        agrees(`${json.slice(0, start)}${insert}${json.slice(start + remove)}`.toWellFormed())
      }),
      { numRuns: 2_000 },
    )
  })

  it('never throws and never points outside, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.string().map(bytesOf)), (bytes) => {
        for (const span of Object.values(findMembers(bytes, NAMES) ?? {})) {
          expect(span.start).toBeLessThan(span.end)
          expect(span.end).toBeLessThanOrEqual(bytes.length)
        }
      }),
    )
  })
})

describe('findElements', () => {
  it('gives the elements up to and with the one that was looked for', () => {
    const json = '[1, "two", {"three":3}, [4]]'
    const found = findElements(bytesOf(json), wholeOf(json), (span) => textAt(json, span) === '{"three":3}')
    expect(found?.map((span) => textAt(json, span))).toEqual(['1', '"two"', '{"three":3}'])
  })

  it.each(['{}', '"[1]"', 'null', '[1', '[1 2]', '[,1]', '['])('is undefined for %s', (json) => {
    expect(findElements(bytesOf(json), wholeOf(json), never)).toBeUndefined()
  })

  it('agrees with JSON.parse on every array', () => {
    fc.assert(
      fc.property(fc.array(objectTexts()), spaces(), (texts, space) => {
        const json = `[${space}${texts.join(`${space},${space}`)}${space}]`
        const found = findElements(bytesOf(json), wholeOf(json), never) ?? []
        expect(found.map((span): unknown => JSON.parse(textAt(json, span) ?? ''))).toEqual(JSON.parse(json))
      }),
    )
  })
})

describe('readString', () => {
  it('agrees with JSON.parse on every string', () => {
    fc.assert(
      fc.property(stringTexts(), (json) => {
        expect(readString(bytesOf(json), wholeOf(json))).toBe(JSON.parse(json))
      }),
    )
  })

  it.each(['1', 'true', 'null', '{}', '["a"]'])('is undefined for %s', (json) => {
    expect(readString(bytesOf(json), wholeOf(json))).toBeUndefined()
  })

  it('is undefined where there is nothing', () =>
    expect(readString(bytesOf('"x"'), undefined)).toBeUndefined())

  it.each(['"\\x"', '"a\nb"', '"\\u12"'])('is undefined for what no parser reads: %j', (json) => {
    expect(readString(bytesOf(json), wholeOf(json))).toBeUndefined()
  })

  it('is undefined for a long text that no parser reads', () => {
    const json = `"${'a'.repeat(100)}\t"`
    expect(readString(bytesOf(json), wholeOf(json))).toBeUndefined()
  })
})

/** Where JSON.parse sees an object, the scanner must see the same members; where it sees none, anything but a throw will do. */
describe('tailOfLast', () => {
  const tail = (json: string, most: number): string | undefined =>
    textAt(json, tailOfLast(bytesOf(json), wholeOf(json), most))

  it('is the last element of whatever array, as the parser reads it', () => {
    const arrays = fc.array(fc.jsonValue(), { minLength: 1 })
    fc.assert(
      fc.property(arrays, fc.constantFrom(0, 2), (array, indent) => {
        const found = tail(JSON.stringify(array, undefined, indent), Number.MAX_SAFE_INTEGER)
        expect(JSON.parse(found ?? '')).toEqual(JSON.parse(JSON.stringify(array.at(-1))))
      }),
    )
  })

  it.each<[string, string, number, string | undefined]>([
    ['a comma in a text is none between elements', '["a","b,c"]', 99, '"b,c"'],
    ['an escaped quote does not end a text', '["a","\\",\\"b"]', 99, '"\\",\\"b"'],
    ['backslashes before a quote may be escaped themselves', '["a\\\\","b"]', 99, '"b"'],
    ['what is longer is cut at its beginning', '["a",["b","cdefgh"]]', 6, 'efgh"]'],
    ['an empty array has none', '[ ]', 99, undefined],
    ['an object has none', '{"a":1}', 99, undefined],
  ])('%s', (_what, json, most, expected) => expect(tail(json, most)).toBe(expected))
})

function agrees(json: string): void {
  const found = members(json)
  const parsed = parseObject(json)
  if (parsed === undefined) return
  expect(found).toBeDefined()
  for (const name of NAMES) {
    const text = textAt(json, found?.[name])
    expect(text !== undefined).toBe(Object.hasOwn(parsed, name))
    if (text !== undefined) expect(JSON.parse(text)).toEqual(parsed[name])
  }
}

function parseObject(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function members(json: string) {
  return findMembers(bytesOf(json), NAMES)
}

function textAt(json: string, span: Span | undefined): string | undefined {
  return (
    span && new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytesOf(json).subarray(span.start, span.end))
  )
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function wholeOf(json: string): Span {
  return { start: 0, end: bytesOf(json).length }
}

function never(): boolean {
  return false
}

const SHARDS = ['', '"', '\\', '{', '}', '[', ']', ',', ':', '1', ' ', 'model', '"model":"x",', '\u0000', 'é']

function spaces(): fc.Arbitrary<string> {
  return fc.constantFrom('', ' ', '\n', '\t', '\r\n', '  ')
}

function stringTexts(): fc.Arbitrary<string> {
  const escapes = [
    '"\\""',
    '"\\\\"',
    '"\\\\\\""',
    '"\\u0022"',
    '"\\ud83d\\ude00"',
    '"}{][,:"',
    '"\\/\\b\\f\\n\\r\\t"',
  ]
  return fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
    fc.string({ maxLength: 200 }).map((text) => JSON.stringify(text)),
    fc.constantFrom(...escapes),
  )
}

/** A name as everybody writes it, or in escapes throughout. */
function spelling(name: string, isEscaped: boolean): string {
  if (!isEscaped) return JSON.stringify(name)
  const units = Array.from({ length: name.length }, (_, index) => name.charCodeAt(index))
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`
}

/** Texts of objects in which the names that are looked for stand often, at every depth, and more than once. */
function objectTexts(): fc.Arbitrary<string> {
  const names = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...NAMES, 'models', '') }, fc.string())
  const literals = fc.constantFrom('true', 'false', 'null', '0', '-0', '12', '-1.25', '1e5', '1E-7', '0.5e+3')
  const { object } = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, literals, stringTexts(), tie('object'), tie('array')),
    array: fc
      .tuple(fc.array(tie('value'), { maxLength: 3 }), spaces())
      .map(([values, space]) => `[${space}${values.join(`${space},${space}`)}${space}]`),
    object: fc
      .tuple(fc.array(fc.tuple(names, fc.boolean(), tie('value')), { maxLength: 5 }), spaces())
      .map(([entries, space]) => {
        const texts = entries.map(
          ([name, isEscaped, value]) => `${spelling(name, isEscaped)}${space}:${space}${value}`,
        )
        return `{${space}${texts.join(`${space},${space}`)}${space}}`
      }),
  }))
  return object
}
