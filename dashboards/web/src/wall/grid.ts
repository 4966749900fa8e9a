// How many columns let all cells stand on one screen with the best shape.

const GAP_PX = 4
/** Width to height of a good tile: room for a school's name in two lines. */
const BEST_SHAPE = 1.75

export interface Grid {
  columns: number
  /** Of a tile, in pixels. */
  width: number
  height: number
}

export function gridFor(cells: number, widthPx: number, heightPx: number): Grid {
  let best: Grid = { columns: 1, width: widthPx, height: heightPx }
  let bestMiss = Number.POSITIVE_INFINITY
  for (let columns = 4; columns <= 40; columns += 1) {
    const rows = Math.max(1, Math.ceil(cells / columns))
    const width = (widthPx - GAP_PX * (columns - 1)) / columns
    const height = (heightPx - GAP_PX * (rows - 1)) / rows
    const miss = Math.abs(Math.log(width / height / BEST_SHAPE))
    if (height > 0 && miss < bestMiss) {
      best = { columns, width, height }
      bestMiss = miss
    }
  }
  return best
}
