/**
 * Linear programs and their solver (HiGHS). What is returned is never less than the true
 * maximum: it is worked out from the solver's dual values, and by weak duality any of those
 * give a bound, exact or not.
 */
import loadHighs, { type Highs, type ModelData } from 'highs'

/** Maximize the gain of columns between 0 and `most`, such that no row exceeds its `most`. */
export interface Program {
  readonly columns: readonly Column[]
  readonly rows: readonly Row[]
}

export interface Column {
  readonly gain: number
  readonly most: number
}

export interface Row {
  readonly most: number
  readonly entries: readonly (readonly [column: number, factor: number])[]
}

export interface Solved {
  /** What the solver's solution gains. */
  readonly value: number
  /** No solution gains more. */
  readonly bound: number
}

let highs: Promise<Highs> | undefined

export async function maximize(program: Program): Promise<Solved> {
  highs ??= loadHighs()
  const solver = await highs
  const { columns, rows } = program
  if (columns.length === 0) return { value: 0, bound: 0 }
  return solver.withModel(toModel(program, solver), (model) => {
    model.options.set('output_flag', false)
    model.run()
    if (model.getModelStatus() !== solver.constants.modelStatus.optimal)
      throw new Error(`A linear program of ${columns.length} columns and ${rows.length} rows was not solved.`)
    return { value: model.getObjectiveValue(), bound: dualBound(program, model.getSolution().rowDual) }
  })
}

function toModel({ columns, rows }: Program, solver: Highs): ModelData {
  const entries = rows.flatMap((row) => row.entries)
  const starts = new Int32Array(rows.length + 1)
  for (const [index, row] of rows.entries()) starts[index + 1] = (starts[index] ?? 0) + row.entries.length
  return {
    numCols: columns.length,
    numRows: rows.length,
    sense: solver.constants.objectiveSense.maximize,
    colCost: Float64Array.from(columns, ({ gain }) => gain),
    colLower: new Float64Array(columns.length),
    colUpper: Float64Array.from(columns, ({ most }) => most),
    rowLower: new Float64Array(rows.length).fill(-solver.infinity),
    rowUpper: Float64Array.from(rows, ({ most }) => most),
    matrix: {
      format: 'csr',
      numRows: rows.length,
      numCols: columns.length,
      starts,
      indices: Int32Array.from(entries, ([column]) => column),
      values: Float64Array.from(entries, ([, factor]) => factor),
    },
  }
}

/** What rows allow at these prices, and what columns still gain beyond the price of what they use. */
function dualBound({ columns, rows }: Program, duals: Float64Array): number {
  const left = Float64Array.from(columns, ({ gain }) => gain)
  let bound = 0
  for (const [index, { most, entries }] of rows.entries()) {
    const price = Math.max(0, duals[index] ?? 0)
    if (price === 0) continue
    bound += price * most
    for (const [column, factor] of entries) left[column] = (left[column] ?? 0) - price * factor
  }
  for (const [index, { most }] of columns.entries()) bound += Math.max(0, left[index] ?? 0) * most
  return bound
}
