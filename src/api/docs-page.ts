/**
 * The API's documentation as one page, made from the OpenAPI document on the server: no
 * script, nothing from elsewhere, readable on a phone and in print. Must not say what the
 * document does not.
 */
import { html, raw } from 'hono/html'
import { DOCS_STYLE } from './docs-style.ts'
import type { OpenApiDocument, Operation, Parameter, Schema } from './openapi.ts'

type Markup = ReturnType<typeof html>

interface Entry extends Operation {
  readonly method: string
  readonly path: string
}

export function docsPage(document: OpenApiDocument): Markup {
  const entries = entriesOf(document)
  const groups = [...new Set(entries.map(({ tags }) => tags[0]))]
  const { title, version } = document.info
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${raw(DOCS_STYLE)}</style>
</head>
<body>
<nav aria-label="Contents">
<h1>${title}</h1>
<p>Version ${version} · <a href="/api/openapi.json">openapi.json</a></p>
${groups.map((group) => contents(group, entries))}
</nav>
<main>
<p>${document.info.description}</p>
${groups.map((group) => section(group, entries))}
</main>
</body>
</html>`
}

const entriesOf = ({ paths }: OpenApiDocument): readonly Entry[] =>
  Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      path,
    })),
  )

const of = (group: string, entries: readonly Entry[]): readonly Entry[] =>
  entries.filter(({ tags }) => tags[0] === group)

const contents = (group: string, entries: readonly Entry[]): Markup => html`<h2>${group}</h2>
<ul>
${of(group, entries).map(
  ({ operationId, method, path }) =>
    html`<li><a href="#${operationId}"><b class="${method.toLowerCase()}">${method}</b> ${path}</a></li>`,
)}
</ul>`

const section = (group: string, entries: readonly Entry[]): Markup =>
  html`<section><h2>${group}</h2>${of(group, entries).map(article)}</section>`

const article = (entry: Entry): Markup => html`<article id="${entry.operationId}">
<h3><b class="${entry.method.toLowerCase()}">${entry.method}</b> <code>${entry.path}</code></h3>
<p>${entry.summary}</p>
<p class="role">${roleOf(entry)}</p>
${parametersOf(entry.parameters)}
${bodyOf(entry)}
${answersOf(entry)}
<pre><code>${exampleOf(entry)}</code></pre>
</article>`

const roleOf = ({ 'x-role': role }: Entry): string =>
  role === 'anybody' ? 'Anybody may call it.' : `Asks for the role ${role}.`

const parametersOf = (parameters: readonly Parameter[]): Markup | '' =>
  parameters.length === 0
    ? ''
    : html`<h4>Parameters</h4><dl>${parameters.map(toProperty).map((each) => property(each, 0))}</dl>`

function bodyOf({ requestBody }: Entry): Markup | '' {
  const schema = requestBody?.content['application/json']?.schema
  return schema === undefined ? '' : html`<h4>Body (JSON)</h4>${shape(schema, OPEN_DEPTH)}`
}

const answersOf = ({ responses }: Entry): Markup =>
  html`${Object.entries(responses)
    .filter(([status]) => status !== 'default')
    .map(([status, { content = {} }]) =>
      Object.entries(content).map(
        ([type, { schema }]) => html`<h4>Answer ${status} (${type})</h4>${shape(schema, OPEN_DEPTH)}`,
      ),
    )}`

/** Deeper parts are folded. */
const OPEN_DEPTH = 1

function shape(schema: Schema, openDepth: number): Markup | '' {
  if (schema.items !== undefined) return shape(schema.items, openDepth)
  if (schema.properties === undefined) return nested(alternativesOf(schema), openDepth)
  const properties = Object.entries(schema.properties)
  if (properties.length === 0) return html`<p>Nothing.</p>`
  const described = properties.map(([name, each]) => ({
    name,
    schema: each,
    notes: schema.required?.includes(name) === true ? [] : ['optional'],
  }))
  return html`<dl>${described.map((each) => property(each, openDepth))}</dl>`
}

interface Property {
  readonly name: string
  readonly schema: Schema
  readonly notes: readonly string[]
}

const toProperty = ({ name, schema, required, in: place }: Parameter): Property => ({
  name,
  schema,
  notes: [...(required ? [] : ['optional']), `in the ${place}`],
})

const nested = (schemas: readonly Schema[], openDepth: number): Markup | '' => {
  const shapes = schemas.map((each) => shape(each, openDepth)).filter((each) => each !== '')
  return shapes.length === 0 ? '' : html`${shapes}`
}

const alternativesOf = ({ anyOf = [], oneOf = [], additionalProperties }: Schema): readonly Schema[] => [
  ...anyOf,
  ...oneOf,
  ...(typeof additionalProperties === 'object' ? [additionalProperties] : []),
]

function property({ name, schema, notes }: Property, openDepth: number): Markup {
  const inner = hasShape(schema) ? shape(schema, openDepth - 1) : ''
  return html`<dt><code>${name}</code> <span>${[typeOf(schema), ...notes].join(', ')}</span></dt>
<dd>${schema.description ?? ''}${inner === '' ? '' : fold(inner, openDepth > 0)}</dd>`
}

const fold = (inner: Markup, isOpen: boolean): Markup =>
  html`<details ${isOpen ? raw('open') : ''}><summary>its fields</summary>${inner}</details>`

const hasShape = (schema: Schema): boolean =>
  schema.properties !== undefined ||
  (schema.items !== undefined && hasShape(schema.items)) ||
  alternativesOf(schema).some(hasShape)

function typeOf(schema: Schema): string {
  const { default: initial } = schema
  return initial === undefined
    ? wordsFor(schema)
    : `${wordsFor(schema)}, ${JSON.stringify(initial)} unless said`
}

function wordsFor(schema: Schema): string {
  const { type, enum: values, const: only, items, format, anyOf = [], oneOf = [] } = schema
  const alternatives = [...anyOf, ...oneOf]
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(' | ')
  if (only !== undefined) return JSON.stringify(only)
  if (alternatives.length > 0) return [...new Set(alternatives.map(typeOf))].join(' | ')
  if (type === 'array') return items === undefined ? 'list' : `list of ${typeOf(items)}`
  const name = typeof type === 'string' ? type : (type?.join(' | ') ?? 'anything')
  return [name, format, rangeOf(schema)].filter((word) => word !== undefined).join(' ')
}

const MOST_SHOWN = 1e12

function rangeOf({ minimum, maximum }: Schema): string | undefined {
  const isBounded = maximum !== undefined && maximum < MOST_SHOWN
  if (isBounded && minimum !== undefined) return `${minimum}…${maximum}`
  if (isBounded) return `up to ${maximum}`
  return minimum === undefined || minimum < -MOST_SHOWN ? undefined : `from ${minimum}`
}

function exampleOf({ method, path, requestBody, 'x-role': role }: Entry): string {
  const parts = [
    'curl',
    ...(method === 'GET' ? [] : [`-X ${method}`]),
    ...(role === 'anybody' ? [] : ['-H "authorization: Bearer $TOKEN"']),
    ...(requestBody === undefined ? [] : [`-H 'content-type: application/json' -d '{…}'`]),
  ]
  return `${parts.join(' ')} "$SPILLWAY${path}"`
}
