// What the plan of a site is drawn from. Kept for a while, so that the next alarm of the site has it at once.

import type { Polled } from '../live/polled'
import { polled } from '../live/polled'
import * as registry from '../registry/api'

export interface Premises {
  devices: registry.DeviceLine[]
  gates: string[]
}

const KEPT_MS = 60_000
const MOST = 500

const kept = new Map<string, { at: number; found: Promise<Premises> }>()

export function premises(siteId: string): Promise<Premises> {
  const known = kept.get(siteId)
  if (known !== undefined && Date.now() - known.at < KEPT_MS) return known.found
  const found = read(siteId)
  kept.set(siteId, { at: Date.now(), found })
  found.catch(() => kept.delete(siteId))
  return found
}

async function read(siteId: string): Promise<Premises> {
  const [first, gates] = await Promise.all([
    registry.deviceStretch({ site_id: siteId }, 0, MOST),
    registry.gates(siteId).catch(() => []),
  ])
  return { devices: first.items, gates: gates.map((one) => one.name).filter((name) => name !== '') }
}

export function polledPremises(siteId: () => string): Polled<Premises | null> {
  return polled(() => (siteId() === '' ? Promise.resolve(null) : premises(siteId())), KEPT_MS)
}
