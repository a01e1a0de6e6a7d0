/** The OpenAPI document: valid by somebody else's judgement, and with everything that there is. */
import { describe, expect, it } from 'bun:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { fileRoutes, plainRoutes, routes, streams } from './contract.ts'
import { pageRoutes } from './door-routes.ts'
import { openApiDocument } from './openapi.ts'

const document = openApiDocument('1.2.3')
const OPERATIONS = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
)

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(document)))
    expect(errors).toBeUndefined()
    expect(valid).toBe(true)
  })

  it('names every row of the tables once', () => {
    const names = Object.keys({ ...routes, ...streams, ...plainRoutes, ...fileRoutes, ...pageRoutes })
    expect(OPERATIONS.map(({ operationId }) => operationId).sort()).toEqual(names.sort())
  })

  it.each(OPERATIONS)('says who may call $method $path, and every parameter of its path', (operation) => {
    expect(operation['x-role']).toBeOneOf(['anybody', 'key-holder', 'viewer', 'operator', 'owner'])
    const inPath = operation.parameters.flatMap((each) => (each.in === 'path' ? [each.name] : []))
    expect(inPath).toEqual([...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name))
  })
})
