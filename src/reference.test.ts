/** What is made of the settings for people and editors says of every one what there is to say. */
import { describe, expect, it } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { configSchema, referencePage } from './reference.ts'
import { SETTING_NAMES, SETTINGS, variableOf } from './settings.ts'

const PAGE = join(import.meta.dir, '..', 'docs', 'configuration.md')

describe('the page', () => {
  it('is as the settings are; "npm run docs" makes it anew', () => {
    expect(readFileSync(PAGE, 'utf8')).toBe(referencePage())
  })

  it.each(SETTING_NAMES)('has %s with its variables and what it does, once', (name) => {
    const [, entry = '', ...others] = referencePage().split(`\n### ${name}\n`)
    expect(others).toEqual([])
    expect(entry).toStartWith(`\n${SETTINGS[name].description}\n`)
    for (const variable of [variableOf(name), ...SETTINGS[name].aliases]) expect(entry).toContain(variable)
  })
})

describe('the schema', () => {
  it('has every setting, and takes no other', () => {
    const schema = JSON.parse(JSON.stringify(configSchema()))
    expect(Object.keys(schema.properties)).toEqual(['$schema', ...SETTING_NAMES])
    expect(schema.additionalProperties).toBe(false)
    expect(schema.properties.port).toEqual({
      type: 'integer',
      minimum: 0,
      maximum: 65_535,
      description: 'The port to listen on; 0 takes a free one.',
      default: 8_080,
    })
    expect(schema.properties.retryDelayMs.description).toEndWith('In ms.')
  })
})
