// The plan of a site as rectangles: buildings with their floors above each other, rooms by themselves, the grounds, and
// what stands at the edge. It is schematic: who belongs where is right, distances are not.

import { northToSouth, type Side, westToEast, whereIs } from '../words/places'

export interface Placed {
  device_id: string
  place: string
}

export interface Box {
  x: number
  y: number
  w: number
  h: number
}

/** A room, a corridor, a gate, with what is installed there. */
export interface Cell<Device extends Placed> extends Box {
  label: string
  devices: Device[]
}

export interface Block<Device extends Placed> extends Box {
  name: string
  kind: 'building' | 'rooms' | 'grounds'
  /** Beside the rows of its cells; empty where no floor is named. */
  floors: { name: string; y: number }[]
  cells: Cell<Device>[]
}

export interface Plan<Device extends Placed> {
  width: number
  height: number
  /** Inside the fence. */
  yard: Box
  blocks: Block<Device>[]
  edges: (Cell<Device> & { side: Side })[]
}

export const CELL = { w: 108, h: 54 }
const [GAP, HEAD, FLOOR_W, PAD] = [16, 28, 40, 8]
const EDGE = { w: 118, h: 54 }
const MOST_COLUMNS = 6

interface Named {
  rooms: string
  grounds: string
  floor: (number: number) => string
}

interface Group<Device extends Placed> {
  name: string
  kind: Block<Device>['kind']
  /** By floor, the highest first. */
  rows: { floor: number; parts: Map<string, Device[]> }[]
}

/** `extra`: places that have no device, such as a gate. `aspect`: width by height of where it is drawn. */
export function layPlan<Device extends Placed>(
  devices: readonly Device[],
  named: Named,
  extra: readonly string[] = [],
  aspect = 1.7,
): Plan<Device> {
  const { groups, edges } = sorted(devices, named, extra)
  const blocks = groups.map((group) => laid(group, named))
  const sides = (['west', 'east', 'north', 'south'] as const).map((side) => [side, edges.get(side) ?? []] as const)
  const margin = Object.fromEntries(
    sides.map(([side, cells]) => [side, cells.length === 0 ? 12 : (side === 'west' || side === 'east' ? EDGE.w : EDGE.h) / 2 + 12]),
  ) as Record<Side, number>

  let best: Plan<Device> | null = null
  for (let inner = 420; inner <= 2200; inner += 60) {
    const { width, height } = packed(blocks, inner)
    const most = (side: Side) => edges.get(side)?.length ?? 0
    const yardW = Math.max(width + 2 * GAP + (margin.west + margin.east), (EDGE.w + GAP) * Math.max(most('south'), most('north')) + 2 * GAP)
    const yardH = Math.max(height + 2 * GAP + margin.north + margin.south, (EDGE.h + GAP) * Math.max(most('west'), most('east')) + 3 * EDGE.h)
    const plan: Plan<Device> = {
      width: yardW + margin.west + margin.east,
      height: yardH + margin.north + margin.south,
      yard: { x: margin.west, y: margin.north, w: yardW, h: yardH },
      blocks: blocks.map((block) => moved(block, margin.west * 2 + GAP + (yardW - width - 2 * GAP - margin.west - margin.east) / 2, margin.north * 2 + GAP)),
      edges: [],
    }
    plan.edges = sides.flatMap(([side, cells]) => cells.map((cell, index) => onEdge(cell, side, index, cells.length, plan.yard)))
    const off = (one: Plan<Device>) => Math.abs(Math.log(one.width / one.height / aspect))
    if (best === null || off(plan) < off(best)) best = plan
  }
  return best!
}

function sorted<Device extends Placed>(devices: readonly Device[], named: Named, extra: readonly string[]) {
  const buildings = new Map<string, Map<number, Map<string, Device[]>>>()
  const rooms = new Map<string, Device[]>()
  const grounds = new Map<string, Device[]>()
  const edges = new Map<Side, { label: string; devices: Device[] }[]>()

  function into(place: string): Device[] {
    const where = whereIs(place)
    if (where.outside === 'edge') {
      const side = edges.get(where.side) ?? []
      edges.set(where.side, side)
      const known = side.find((one) => one.label === place)
      if (known !== undefined) return known.devices
      const cell = { label: place, devices: [] as Device[] }
      side.push(cell)
      return cell.devices
    }
    let parts = where.outside === 'grounds' ? grounds : rooms
    if (where.building !== '') {
      const floors = buildings.get(where.building) ?? new Map<number, Map<string, Device[]>>()
      buildings.set(where.building, floors)
      parts = floors.get(where.floor) ?? new Map<string, Device[]>()
      floors.set(where.floor, parts)
    }
    const found = parts.get(where.part) ?? []
    parts.set(where.part, found)
    return found
  }

  for (const device of devices) into(device.place.trim() || '—').push(device)
  for (const place of extra) if (place !== '') into(place)
  const groups: Group<Device>[] = [...buildings].map(([name, floors]) => ({
    name,
    kind: 'building',
    rows: [...floors].sort(([a], [b]) => b - a).map(([floor, parts]) => ({ floor, parts })),
  }))
  for (const [side, cells] of edges) {
    const along = side === 'east' || side === 'west' ? northToSouth : westToEast
    cells.sort((a, b) => along(a.label) - along(b.label))
  }
  const size = (group: Group<Device>) => group.rows.reduce((sum, row) => sum + row.parts.size, 0)
  groups.sort((a, b) => size(b) - size(a) || (a.name < b.name ? -1 : 1))
  if (rooms.size > 0) groups.push({ name: named.rooms, kind: 'rooms', rows: [{ floor: 0, parts: rooms }] })
  if (grounds.size > 0) groups.push({ name: named.grounds, kind: 'grounds', rows: [{ floor: 0, parts: grounds }] })
  return { groups, edges }
}

/** A block at 0, 0. */
function laid<Device extends Placed>(group: Group<Device>, named: Named): Block<Device> {
  const floors: Block<Device>['floors'] = []
  const cells: Cell<Device>[] = []
  const left = group.rows.some((row) => row.floor !== 0) ? FLOOR_W : PAD
  let y = HEAD
  let columns = 1
  for (const { floor, parts } of group.rows) {
    floors.push({ name: floor === 0 ? '' : named.floor(floor), y: y + CELL.h / 2 })
    const ordered = [...parts].sort(([a], [b]) => westToEast(a) - westToEast(b))
    ordered.forEach(([label, devices], index) => {
      const column = index % MOST_COLUMNS
      if (index > 0 && column === 0) y += CELL.h
      cells.push({ label: label || group.name, devices, x: left + column * CELL.w, y, ...CELL })
    })
    columns = Math.max(columns, Math.min(MOST_COLUMNS, ordered.length))
    y += CELL.h
  }
  return { name: group.name, kind: group.kind, floors, cells, x: 0, y: 0, w: left + columns * CELL.w + PAD, h: y + PAD }
}

/** Shelves from top to bottom, as wide as `inner`; moves the blocks. */
function packed<Device extends Placed>(blocks: Block<Device>[], inner: number): { width: number; height: number } {
  let [x, y, shelf, width] = [0, 0, 0, 0]
  for (const block of [...blocks].sort((a, b) => b.h - a.h)) {
    if (x > 0 && x + block.w > inner) [x, y, shelf] = [0, y + shelf + GAP, 0]
    block.x = x
    block.y = y
    x += block.w + GAP
    shelf = Math.max(shelf, block.h)
    width = Math.max(width, x - GAP)
  }
  return { width, height: y + shelf }
}

function moved<Device extends Placed>(block: Block<Device>, x: number, y: number): Block<Device> {
  const [dx, dy] = [block.x + x, block.y + y]
  return {
    ...block,
    x: dx,
    y: dy,
    floors: block.floors.map((floor) => ({ ...floor, y: floor.y + dy })),
    cells: block.cells.map((cell) => ({ ...cell, x: cell.x + dx, y: cell.y + dy })),
  }
}

function onEdge<Device extends Placed>(cell: { label: string; devices: Device[] }, side: Side, index: number, count: number, yard: Box) {
  const along = (index + 1) / (count + 1)
  const x = side === 'west' ? yard.x : side === 'east' ? yard.x + yard.w : yard.x + yard.w * along
  const y = side === 'north' ? yard.y : side === 'south' ? yard.y + yard.h : yard.y + yard.h * along
  return { ...cell, side, x: x - EDGE.w / 2, y: y - EDGE.h / 2, ...EDGE }
}
