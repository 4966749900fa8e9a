// How an incident is called and what may be done with it.

import type { DeviceKind, IncidentState, IncidentView, SiteKind, SiteState } from '../api/types'
import { language, t, wordOr } from './language'
import type { Key } from './zh'

export function title(incident: Pick<IncidentView, 'rule'>): string {
  return wordOr('rule', incident.rule)
}

export function siteName(site: { site_id: string; name: string; name_en: string }): string {
  const chosen = language.value === 'zh' ? site.name : site.name_en
  return chosen || site.name || site.site_id
}

/** Addresses mostly begin with the township. */
export function siteAddress(site: { township: string; address: string }): string {
  return site.address.startsWith(site.township) ? site.address : `${site.township} ${site.address}`
}

/** Troubles of the system itself, which happen at no school. */
const HOUSE_RULES: readonly string[] = [
  'ledger_difference',
  'journal_filling',
  'session_forgotten',
  'link_silent',
  'link_untested',
  'link_test',
]

export function incidentSite(incident: IncidentView): string {
  if (incident.rule === 'area_silent') return t('incident.several_sites')
  if (incident.site_id === '') return t(HOUSE_RULES.includes(incident.rule) ? 'incident.house' : 'incident.no_site')
  return siteName({ site_id: incident.site_id, name: incident.site_name, name_en: incident.site_name_en })
}

/** Why a site is off target, as the server words it. */
function cause(incident: IncidentView): string {
  const text = incident.detail[language.value === 'zh' ? 'cause_zh' : 'cause_en']
  return typeof text === 'string' ? text : ''
}

export function incidentPlace(incident: IncidentView): string {
  const parts = [incident.place, incident.device_name]
  const named = parts.filter((part, index) => part && parts.indexOf(part) === index)
  return named.join(' · ') || incident.device_id || cause(incident) || t('common.dash')
}

export const OPEN_STATES: readonly IncidentState[] = ['raised', 'acknowledged', 'returned', 'normal']

export function isOpen(incident: IncidentView): boolean {
  return OPEN_STATES.includes(incident.state)
}

export function isOver(incident: IncidentView): boolean {
  return incident.state === 'closed'
}

/** What is shelved or handled under another is open, and not in the queue. */
export function inQueue(incident: IncidentView): boolean {
  return isOpen(incident) && !incident.aside
}

export function isUnacknowledged(incident: IncidentView): boolean {
  return incident.state === 'raised' || incident.state === 'returned'
}

/** Danger to life that nobody has taken yet: it takes the wall over and sounds. */
export function takesOver(incident: IncidentView): boolean {
  return incident.life_safety && incident.severity === 'critical' && isUnacknowledged(incident)
}

export function mayReset(incident: IncidentView): boolean {
  return incident.state === 'acknowledged' || incident.state === 'normal'
}

export function mayClose(incident: IncidentView): boolean {
  return incident.state === 'reset' || (incident.state === 'normal' && !incident.life_safety)
}

// One visible place for the keys built from a word; a word without its texts fails the type check here.
export const siteStateKey = (state: SiteState) => `site_state.${state}` as const satisfies Key
export const siteKindKey = (kind: SiteKind) => `site_kind.${kind}` as const satisfies Key
export const deviceKindKey = (kind: DeviceKind) => `device_kind.${kind}` as const satisfies Key
export const incidentStateKey = (state: IncidentState) => `incident_state.${state}` as const satisfies Key
