/** What is read out of a request’s bytes, and the one edit that is ever made in them (G1). */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { readMessagesRequest, readWholeNumber, withModel } from './request.ts'

const DEVICE = 'a'.repeat(64)
const SESSION = '3f0e6d1c-7b1a-4c8e-9a55-0d2f6a1b2c3d'

describe('readMessagesRequest', () => {
  it('reads the model and where it stands', () => {
    const body = bytesOf('{"max_tokens": 5, "model" : "claude-sonnet-5-5"}')
    const request = readMessagesRequest(body)
    expect(request?.model).toBe('claude-sonnet-5-5')
    expect(request?.modelSpan).toEqual({ start: 28, end: 47 })
  })

  it('reads a model written with escapes', () => {
    expect(read({}, '"mod\\u0065l-\\"x\\""')?.model).toBe('model-"x"')
  })

  it.each(['7', 'null', '["x"]', '{"id":"x"}'])('reads no model from %s', (model) => {
    expect(read({}, model)?.model).toBeUndefined()
  })

  it.each<[unknown, boolean]>([
    [true, true],
    [false, false],
    [null, false],
    ['true', false],
    [1, false],
    [undefined, false],
  ])('takes stream: %j for %p', (stream, expected) => {
    expect(read({ stream })?.isStream).toBe(expected)
  })

  it.each(['', '[]', '"x"', '{"model":"x"', 'null', 'model=x'])('is nothing for "%s"', (body) => {
    expect(readMessagesRequest(bytesOf(body))).toBeUndefined()
  })

  it.each<[unknown, number | undefined]>([
    [4096, 4096],
    [0, 0],
    [undefined, undefined],
    [null, undefined],
    [-1, undefined],
    [1.5, undefined],
    ['64', undefined],
    [1e21, undefined],
  ])('takes max_tokens: %j for %p', (max_tokens, expected) => {
    const body = bytesOf(JSON.stringify({ max_tokens }))
    expect(readWholeNumber(body, readMessagesRequest(body)?.maxTokensSpan)).toBe(expected)
  })

  it('is something for an object that asks for nothing', () => {
    expect(readMessagesRequest(bytesOf('{}'))).toEqual({
      model: undefined,
      modelSpan: undefined,
      maxTokensSpan: undefined,
      isStream: false,
      userSession: undefined,
      thread: undefined,
      opening: [],
      system: undefined,
      tools: undefined,
      messages: undefined,
    })
  })

  it.each<[unknown, string | undefined]>([
    [{ type: 'create' }, ''],
    [{ type: 'continue', previous_message_id: 'msg_01' }, 'msg_01'],
    [{ previous_message_id: 7 }, ''],
    [undefined, undefined],
  ])('takes thread: %j for one that goes on from %p', (thread, expected) => {
    expect(read({ thread })?.thread).toBe(expected)
  })
})

describe('the session in metadata.user_id', () => {
  it.each<[string, unknown, string | undefined]>([
    ['the joined form', `user_${DEVICE}_account_8c1f_session_${SESSION}`, SESSION],
    ['the joined form without an account', `user_${DEVICE}_account__session_${SESSION}`, SESSION],
    ['JSON in a text', JSON.stringify({ device_id: DEVICE, account_uuid: '', session_id: SESSION }), SESSION],
    ['JSON in a text, in another order', JSON.stringify({ session_id: SESSION, device_id: DEVICE }), SESSION],
    ['an opaque name', 'opaque-user-77', undefined],
    ['a short device', `user_abc_account__session_${SESSION}`, undefined],
    ['something after the session', `user_${DEVICE}_account__session_${SESSION} x`, undefined],
    ['broken JSON', '{"session_id":', undefined],
    ['JSON without a session', '{"device_id":"a"}', undefined],
    ['an empty session', '{"session_id":""}', undefined],
    ['a session that is no text', '{"session_id":7}', undefined],
    ['a number', 7, undefined],
    ['nothing', undefined, undefined],
  ])('is read from %s', (_what, userId, expected) => {
    expect(read({ metadata: { user_id: userId } })?.userSession).toBe(expected)
  })

  it.each([[null], ['text'], [7], [[]]])(
    'is not looked for in metadata that is no object (%j)',
    (metadata) => {
      expect(read({ metadata })?.userSession).toBeUndefined()
    },
  )
})

describe('the opening of a conversation', () => {
  const first = { role: 'user', content: 'Is this index used?' }

  it('is the system prompt, the tools and the first message of the user', () => {
    const fields = { system: 'Review SQL.', tools: [{ name: 'explain' }], messages: [first] }
    expect(openingOf(fields)).toEqual(['Review SQL.', [{ name: 'explain' }], first])
  })

  it('stays the same as the conversation grows', () => {
    const grown = [first, { role: 'assistant', content: 'Yes.' }, { role: 'user', content: 'Why?' }]
    expect(openingOf({ messages: grown })).toEqual(openingOf({ messages: [first] }))
  })

  it('includes system messages that come before the user’s first one', () => {
    const system = { role: 'system', content: 'Be brief.' }
    expect(openingOf({ messages: [system, first] })).toEqual([system, first])
  })

  it.each([[null], ['text'], [{}], [[]], [7]])('has no message where messages are %j', (messages) => {
    expect(openingOf({ messages })).toEqual([])
  })

  it('has no trouble with messages that are no objects', () => {
    expect(openingOf({ messages: ['text', null, first] })).toEqual(['text', null, first])
  })
})

describe('withModel', () => {
  it('puts another model in and leaves every other byte as it was', () => {
    fc.assert(
      fc.property(bodies(), fc.string({ unit: 'binary' }), (text, model) => {
        const body = bytesOf(text)
        const span = readMessagesRequest(body)?.modelSpan ?? { start: 0, end: 0 }
        const edited = withModel(body, span, model)
        const value = bytesOf(JSON.stringify(model))
        const after = span.start + value.length
        expect(span.end).toBeGreaterThan(span.start)
        expect(edited.subarray(0, span.start)).toEqual(body.subarray(0, span.start))
        expect(edited.subarray(span.start, after)).toEqual(value)
        expect(edited.subarray(after)).toEqual(body.subarray(span.end))
        expect(readMessagesRequest(edited)?.model).toBe(model)
      }),
    )
  })

  it('says the same to a JSON parser, but for the model', () => {
    fc.assert(
      fc.property(bodies(), (text) => {
        const body = bytesOf(text)
        const span = readMessagesRequest(body)?.modelSpan ?? { start: 0, end: 0 }
        const edited: unknown = JSON.parse(textOf(withModel(body, span, 'glm-5')))
        expect(edited).toEqual({ ...JSON.parse(text), model: 'glm-5' })
      }),
    )
  })

  it('does not touch the body that it was given, which other attempts will need', () => {
    const body = bytesOf('{"model":"x"}')
    withModel(body, { start: 9, end: 12 }, 'yyyyy')
    expect(textOf(body)).toBe('{"model":"x"}')
  })

  it('edits the last of two models, which is the one that counts', () => {
    const body = bytesOf('{"model":"a","model":"b"}')
    const span = readMessagesRequest(body)?.modelSpan ?? { start: 0, end: 0 }
    expect(textOf(withModel(body, span, 'c'))).toBe('{"model":"a","model":"c"}')
  })
})

/** Bodies with a model somewhere among other members, each spaced in its own way. */
function bodies(): fc.Arbitrary<string> {
  const members = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 })
  return fc
    .tuple(members, fc.string({ unit: 'binary' }), members, fc.constantFrom(0, 1, '\t', '\r\n'))
    .map(([before, model, after, space]) => {
      const { model: _, ...rest } = after
      return JSON.stringify({ ...before, model, ...rest }, undefined, space)
    })
}

function read(fields: Readonly<Record<string, unknown>>, model = '"claude-sonnet-5-5"') {
  const rest = JSON.stringify(fields).slice(1)
  return readMessagesRequest(bytesOf(`{"model":${model}${rest === '}' ? '' : ','}${rest}`))
}

function openingOf(fields: Readonly<Record<string, unknown>>): readonly unknown[] {
  const body = bytesOf(JSON.stringify({ model: 'x', ...fields }))
  const opening = readMessagesRequest(body)?.opening ?? []
  return opening.map(({ start, end }): unknown => JSON.parse(textOf(body.subarray(start, end))))
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}
