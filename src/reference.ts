/**
 * The settings as documents, made from their declarations: a JSON Schema of the
 * configuration file for editors, and the page `docs/configuration.md`. Must not say what
 * the declarations do not.
 */
import {
  flagOf,
  rangeOfSetting,
  SETTING_AREAS,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  unitOf,
  variableOf,
} from './settings.ts'

export const configSchema = (): object => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Configuration of Spillway',
  type: 'object',
  additionalProperties: false,
  properties: {
    $schema: { type: 'string' },
    ...Object.fromEntries(SETTING_NAMES.map((name) => [name, propertyOf(name)])),
  },
})

function propertyOf(name: SettingName): object {
  const { shape, description, initial } = SETTINGS[name]
  const unit = unitOf(name)
  return {
    ...shape,
    description: unit === undefined ? description : `${description} In ${unit}.`,
    default: initial,
  }
}

/** The page of all settings, by area. */
export function referencePage(): string {
  const areas = Object.entries(SETTING_AREAS).map(
    ([title, settings]) =>
      `## ${title}\n\n${Object.keys(settings)
        .map((name) => entryOf(name as SettingName))
        .join('\n')}`,
  )
  return `${INTRODUCTION}\n${areas.join('\n')}`
}

function entryOf(name: SettingName): string {
  const { description, initial, aliases, isHot, isSecret } = SETTINGS[name]
  const unit = unitOf(name)
  const range = rangeOfSetting(name)
  const facts = [
    `default \`${JSON.stringify(initial)}\`${unit === undefined ? '' : ` ${unit}`}`,
    ...(range === undefined ? [] : [range]),
    isHot ? 'changes apply at once' : 'changes apply at the next start',
    ...(isSecret ? ['never stored or shown: from a flag, a variable or the file'] : []),
  ]
  const variables = [variableOf(name), ...aliases].map((variable) => `\`${variable}\``)
  return `### ${name}

${description}

- ${facts.join(' · ')}
- ${variables.join(', ')} · \`${flagOf(name)}\`
`
}

const INTRODUCTION = `# Configuration

<!-- Made from src/settings by \`npm run docs\`; edit the declarations there. -->

A value comes from the first of these that has it:

1. a flag of \`spillway serve\`: its own, such as \`--port 9000\`, or \`--set <name>=<value>\` for any setting;
2. a variable of the environment, \`SPILLWAY_<NAME>\`, or an alias that other programs use;
3. the configuration file: \`--config\`, else \`SPILLWAY_CONFIG\`, else \`spillway/config.json\` in the XDG configuration home. One JSON object, in which comments and trailing commas are allowed;
4. what was stored through the API (\`PATCH /api/config\`, \`spillway config set\`), in the database of the data directory;
5. the default.

What a flag, a variable or the file says is locked in the API: an attempt to change it there is refused with 409 and the place that has to be changed. \`spillway config list\` shows every value and its place, \`spillway config validate\` says what is wrong and what to do about it.

For completion and checks in an editor, \`spillway config schema > schema.json\` writes a JSON Schema (also at \`GET /api/config/schema\`); name it in the file with \`"$schema": "./schema.json"\`.

Lists can be written with commas and structures as JSON where only a text fits: \`SPILLWAY_ALLOWED_HOSTS=a.example,b.example\`.
`
