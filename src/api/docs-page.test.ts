/** The documentation's page: all of the document, as text and never as markup of somebody's. */
import { describe, expect, it } from 'bun:test'
import { docsPage } from './docs-page.ts'
import { DOCS_STYLE, docsPolicy } from './docs-style.ts'
import { type OpenApiDocument, openApiDocument } from './openapi.ts'

const document = openApiDocument('1.2.3')
const textOf = async (shown: OpenApiDocument): Promise<string> => String(await docsPage(shown))

describe('the documentation’s page', () => {
  it('has a place for every operation, and a link that leads there', async () => {
    const page = await textOf(document)
    const names = Object.values(document.paths).flatMap((each) =>
      Object.values(each).map(({ operationId }) => operationId),
    )
    expect(names.length).toBeGreaterThan(40)
    const without = names.filter(
      (name) => !page.includes(`href="#${name}"`) || !page.includes(`id="${name}"`),
    )
    expect(without).toEqual([])
  })

  it('says what a field is, what it may be and what it is unless said', async () => {
    const page = await textOf(document)
    expect(page).toContain('<code>utilization</code> <span>number | null</span>')
    expect(page).toContain(
      '<code>limit</code> <span>integer 1…1000, 50 unless said, optional, in the query</span>',
    )
    expect(page).toContain('a fraction; null: not known since the window began anew')
  })

  it('shows markup in a description as text', async () => {
    const evil = '<img src=x onerror=alert(1)>'
    const answer = { type: 'object', properties: { [evil]: { type: 'string', description: evil } } }
    const operation = {
      operationId: 'evil',
      summary: evil,
      tags: ['evil'] as const,
      parameters: [],
      responses: { 200: { description: 'Done.', content: { 'application/json': { schema: answer } } } },
      'x-role': 'viewer',
    }
    const page = await textOf({ ...document, paths: { [`/${evil}`]: { get: operation } } })
    expect(page.includes('<img')).toBe(false)
    expect(page.split('&lt;img').length).toBeGreaterThan(4)
  })

  it('has no script, and a policy that lets it have none', async () => {
    const page = await textOf(document)
    expect(page.match(/<script|javascript:|\son\w+=|(?:src|href)="(?![#/])|url\(/gi)).toBeNull()
    expect(page).toContain(`<style>${DOCS_STYLE}</style>`)
    const policy = await docsPolicy()
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; /)
  })
})
