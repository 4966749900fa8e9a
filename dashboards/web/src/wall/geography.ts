// The registry's coordinates on a flat picture: north above, one scale in both directions, no tiles.

export interface Located {
  site_id: string
  township: string
  longitude: number
  latitude: number
}

export interface Spot {
  x: number
  y: number
}

export interface Geography {
  spots: Map<string, Spot>
  /** The outline of each township's sites; of one or two sites a point or a line. */
  areas: { name: string; outline: Spot[]; label: Spot }[]
  width: number
  height: number
  /** Kilometres to one unit. */
  scale_km: number
}

const LONG_SIDE = 1000
const MARGIN = 70
const KM_PER_DEGREE = 111.32

/** Andrew's monotone chain: the corners of the smallest convex shape around the points. */
function hull(points: Spot[]): Spot[] {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y)
  if (sorted.length < 3) return sorted
  const turn = (o: Spot, a: Spot, b: Spot) => (a.x - o.x) * (b.y - o.y) - (a.y - o.y) * (b.x - o.x)
  const half = (way: Spot[]): Spot[] => {
    const found: Spot[] = []
    for (const point of way) {
      while (found.length >= 2 && turn(found[found.length - 2]!, found[found.length - 1]!, point) <= 0) found.pop()
      found.push(point)
    }
    return found.slice(0, -1)
  }
  return [...half(sorted), ...half(sorted.reverse())]
}

export function geography(sites: readonly Located[]): Geography {
  if (sites.length === 0) return { spots: new Map(), areas: [], width: LONG_SIDE, height: LONG_SIDE, scale_km: 1 }
  const south = Math.min(...sites.map((one) => one.latitude))
  const north = Math.max(...sites.map((one) => one.latitude))
  const west = Math.min(...sites.map((one) => one.longitude))
  const narrow = Math.cos((((south + north) / 2) * Math.PI) / 180)
  const wide = Math.max((Math.max(...sites.map((one) => one.longitude)) - west) * narrow, 0.001)
  const high = Math.max(north - south, 0.001)
  const unit = (LONG_SIDE - 2 * MARGIN) / Math.max(wide, high)
  const spots = new Map(
    sites.map((one) => [
      one.site_id,
      { x: MARGIN + (one.longitude - west) * narrow * unit, y: MARGIN + (north - one.latitude) * unit },
    ]),
  )
  const members = new Map<string, Spot[]>()
  for (const one of sites) {
    const spot = spots.get(one.site_id)!
    const known = members.get(one.township)
    if (known === undefined) members.set(one.township, [spot])
    else known.push(spot)
  }
  const areas = [...members].map(([name, points]) => ({
    name,
    outline: hull(points),
    label: { x: points.reduce((sum, one) => sum + one.x, 0) / points.length, y: Math.min(...points.map((one) => one.y)) - 34 },
  }))
  return {
    spots,
    areas,
    width: wide * unit + 2 * MARGIN,
    height: high * unit + 2 * MARGIN,
    scale_km: KM_PER_DEGREE / unit,
  }
}

/** The nearest spot in the direction of an arrow key: what lies straight ahead before what lies aside. */
export function neighbour(spots: ReadonlyMap<string, Spot>, from: string, key: string): string | null {
  const ahead: Spot | undefined = (
    { ArrowLeft: { x: -1, y: 0 }, ArrowRight: { x: 1, y: 0 }, ArrowUp: { x: 0, y: -1 }, ArrowDown: { x: 0, y: 1 } } as Record<
      string,
      Spot
    >
  )[key]
  const start = spots.get(from)
  if (ahead === undefined || start === undefined) return null
  let best: string | null = null
  let least = Number.POSITIVE_INFINITY
  for (const [id, spot] of spots) {
    const along = (spot.x - start.x) * ahead.x + (spot.y - start.y) * ahead.y
    const aside = Math.abs((spot.x - start.x) * ahead.y) + Math.abs((spot.y - start.y) * ahead.x)
    if (id !== from && along > 0 && along + 2 * aside < least) {
      best = id
      least = along + 2 * aside
    }
  }
  return best
}
