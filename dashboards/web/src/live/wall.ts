// What the wall shows: filled by a snapshot, kept up by deltas. One store for the whole page.

import { computed, shallowReactive, shallowRef } from 'vue'

import * as api from '../api/client'
import type {
  IncidentView,
  IngestStatus,
  JournalStatus,
  LedgerStatus,
  LinkStatus,
  Severity,
  SiteTile,
  StreamFrame,
  Totals,
} from '../api/types'
import { inQueue, isOpen, isUnacknowledged, siteName, takesOver } from '../words/incident'
import { heardServerTime } from './now'
import { checkSession } from './session'
import { Stream } from './stream'

const RANK: Record<Severity, number> = { critical: 0, major: 1, minor: 2, advice: 3 }
const RESET_SHOWN = 50
/** What a snapshot holds of the queue; the rest comes by pages of as many. */
const PAGE = 200

export const sites = shallowReactive(new Map<string, SiteTile>())
/** Open incidents, and those that are reset but not yet closed. */
export const incidents = shallowReactive(new Map<string, IncidentView>())
export const totals = shallowRef<Totals | null>(null)
export const links = shallowRef<LinkStatus[]>([])
export const ingest = shallowRef<IngestStatus | null>(null)
export const ledger = shallowRef<LedgerStatus | null>(null)
export const journals = shallowRef<JournalStatus[]>([])

function compare(a: IncidentView, b: IncidentView): number {
  return (
    Number(!isUnacknowledged(a)) - Number(!isUnacknowledged(b)) ||
    RANK[a.severity] - RANK[b.severity] ||
    Date.parse(b.raised_at) - Date.parse(a.raised_at) ||
    (a.incident_id < b.incident_id ? -1 : 1)
  )
}

/** As the API sorts: unacknowledged first, then the worst, then the newest. */
export const queue = computed(() => [...incidents.values()].filter(inQueue).sort(compare))
/** How many of the queue are not on this page. */
export const notShown = computed(() =>
  totals.value === null ? 0 : Math.max(0, totals.value.open_incidents - totals.value.aside - queue.value.length),
)
export const waitingForClose = computed(() =>
  [...incidents.values()].filter((incident) => incident.state === 'reset').sort(compare),
)

/** Life safety that nobody has taken, in order of coming, so that a button never moves under a hand. */
export const takingOver = computed(() =>
  [...incidents.values()].filter((one) => takesOver(one) && !one.aside).sort((a, b) => Date.parse(a.raised_at) - Date.parse(b.raised_at)),
)

/** Sites whose open incidents are drills or tests only. */
export const exercises = computed(() => {
  const marks = new Map<string, 'drill' | 'test' | 'real'>()
  for (const incident of incidents.values()) {
    if (!isOpen(incident) || incident.severity === 'minor' || incident.severity === 'advice') continue
    const mark = incident.drill ? 'drill' : incident.test ? 'test' : 'real'
    const before = marks.get(incident.site_id)
    marks.set(incident.site_id, before === undefined || before === mark ? mark : 'real')
  }
  return marks
})

/** By id, for lists to choose from. */
export const sitesById = computed(() => [...sites.values()].sort((a, b) => (a.site_id < b.site_id ? -1 : 1)))

export interface Township {
  name: string
  sites: SiteTile[]
}

/** Townships in a fixed order, their sites by id: a tile never changes its place. */
export const townships = computed(() => {
  const found = new Map<string, SiteTile[]>()
  for (const site of sitesById.value) {
    const members = found.get(site.township)
    if (members === undefined) found.set(site.township, [site])
    else members.push(site)
  }
  return [...found].map(([name, members]): Township => ({ name, sites: members }))
})

/** A site's name in the language of the page; ``otherwise`` where the wall does not know it. */
export function siteNamed(siteId: string, otherwise = siteId): string {
  const site = sites.get(siteId)
  return site === undefined ? otherwise : siteName(site)
}

/** The same with its id behind it. */
export function siteNamedWithId(siteId: string): string {
  const name = siteNamed(siteId, '')
  return name === '' ? siteId : `${name} (${siteId})`
}

export function take(incident: IncidentView): void {
  if (incident.state === 'closed') {
    incidents.delete(incident.incident_id)
    closed?.add(incident.incident_id)
  } else incidents.set(incident.incident_id, incident)
}

function takeFrame(frame: StreamFrame, heardAt: number): void {
  if (frame.type === 'trouble') {
    heardServerTime(frame.at, heardAt)
    journals.value = frame.journals
    return
  }
  if (frame.type === 'snapshot') {
    heardServerTime(frame.wall.at, heardAt)
    const present = new Set(frame.wall.sites.map((site) => site.site_id))
    for (const id of sites.keys()) if (!present.has(id)) sites.delete(id)
    for (const site of frame.wall.sites) sites.set(site.site_id, site)
    const open = new Set(frame.incidents.map((incident) => incident.incident_id))
    for (const incident of [...incidents.values()]) {
      if (!open.has(incident.incident_id)) incidents.delete(incident.incident_id)
    }
    frame.incidents.forEach(take)
    totals.value = frame.wall.totals
    links.value = frame.wall.links
    ingest.value = frame.wall.ingest
    ledger.value = frame.wall.ledger
    journals.value = frame.wall.journals
    place = null
    void loadReset()
    return
  }
  heardServerTime(frame.at, heardAt)
  for (const site of frame.sites) sites.set(site.site_id, site)
  frame.incidents.forEach(take)
  totals.value = frame.totals
  links.value = frame.links
  ingest.value = frame.ingest
  ledger.value = frame.ledger
  journals.value = frame.journals
}

/** Where the next page of the queue begins; null = at the beginning, which also brings what was missed. */
let place: string | null = null
/** Closed while a page is on its way, which may have been read before. */
let closed: Set<string> | null = null

/** Fetch more of the queue. Pages that are known already, as the first one mostly is, are passed over. */
export async function loadMore(): Promise<void> {
  const before = queue.value.length
  try {
    do {
      const over = (closed = new Set<string>())
      const page = await api.incidents({ state: 'open', limit: PAGE, cursor: place })
      // What the stream has told of meanwhile is newer than the page.
      for (const incident of page.items) {
        const id = incident.incident_id
        if (!incidents.has(id) && !over.has(id)) take(incident)
      }
      place = page.next_cursor
    } while (place !== null && queue.value.length === before)
  } finally {
    closed = null
  }
}

/** The snapshot holds open incidents only; those that wait to be closed are asked for. */
async function loadReset(): Promise<void> {
  try {
    const page = await api.incidents({ state: 'reset', limit: RESET_SHOWN })
    for (const incident of page.items) if (!incidents.has(incident.incident_id)) take(incident)
  } catch {
    // The queue itself is whole without them; the next snapshot asks again.
  }
}

const address = new URL('/api/v1/stream', window.location.href)
address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'

export const stream = new Stream(address.href, takeFrame, () => void checkSession())

/** Whoever signs in next sees nothing of what somebody else could see. */
export function forgetWall(): void {
  sites.clear()
  incidents.clear()
  totals.value = null
  links.value = []
  ingest.value = null
  ledger.value = null
  journals.value = []
}
