// The loose details of incidents and timelines: known fields get words, unknown ones keep their names.

import { serverNow } from '../live/now'
import { reasonText } from '../live/reasons'
import { siteNamed } from '../live/wall'
import { t, wordOr } from './language'
import { clockOffset, hourMinute, moment } from './time'

/** Said by the row itself. */
const SILENT: readonly string[] = [
  ...['channel', 'notice'],
  ...['into', 'incident', 'from_incident', 'attachment', 'sha256'],
  // From where somebody did it is the audit's to tell, which has a column for it.
  'origin',
]
/** Where the word for a kind of something may stand. */
const KINDS_OF: readonly string[] = ['warning_kind', 'patrol.kind', 'device_kind']

function siteNames(value: unknown): string {
  if (!Array.isArray(value)) return String(value)
  return value.map((id) => siteNamed(String(id))).join(t('common.comma'))
}

function kindCounts(value: unknown): string {
  const counts = Object.entries((value ?? {}) as Record<string, number>)
  return counts.map(([kind, count]) => `${wordOr('device_kind', kind)} ${count}`).join(t('common.comma'))
}

/** Things of a list, side by side; nothing of an empty one. */
function listed(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join(t('common.comma')) : String(value)
}

/** Before and after; what was nothing before is not told. */
function change(name: string, value: unknown): string {
  const words = (Array.isArray(value) ? value : [value]).filter((one) => one !== null).map(String)
  return words.map((one) => wordOr(name, one)).join(' → ')
}

function valueText(name: string, value: unknown): string {
  if (name === 'silent_sites' || name === 'sites_back') return siteNames(value)
  if (name === 'kinds') return kindCounts(value)
  if (name === 'told' || name === 'of') return listed(value)
  if (name === 'verification' || name === 'severity') return change(name, value)
  if (name === 'of_rule') return wordOr('rule', String(value))
  if (name === 'state') return change('incident_state', value)
  if (name === 'grade') return change('grade', value)
  // As the audit trail tells of a change: before and after.
  if (Array.isArray(value) && value.length === 2 && value.every((one) => one === null || typeof one !== 'object')) {
    return change(name, value)
  }
  if (Array.isArray(value)) return JSON.stringify(value)
  // What a thing is like before or after a change.
  if (typeof value === 'object') return fields(value).map((one) => `${one.label} ${one.text}`).join(t('common.comma'))
  const text = String(value)
  if (name === 'reason') return reasonText(wordOr('reason', text))
  if (name === 'why') return wordOr('why', text)
  if (name === 'kind') return KINDS_OF.map((prefix) => wordOr(prefix, text)).find((word) => word !== text) ?? text
  if (name === 'level') return wordOr('warning_level', text)
  if (name === 'way') return wordOr('camera_way', text)
  if (name === 'by') return wordOr('audit_by', text)
  if (name === 'role') return wordOr('role', text)
  if (name === 'link') return wordOr('link', text)
  if (name === 'fault') return wordOr('patrol.fault', text)
  if (name === 'item') return wordOr('check_item', text)
  if ((name === 'until' || name.endsWith('_at')) && text.includes('T')) return moment(text, serverNow.value)
  if (name === 'number' || name === 'into_number') return `#${text}`
  if (name === 'lane') return wordOr('journal.lane', text)
  if (name === 'hour') return hourMinute(text, serverNow.value)
  if (name === 'message_channel') return wordOr('channel', text)
  if (name === 'clock_offset_s') return clockOffset(Number(value))
  return name === 'recipient' ? wordOr('link', text) : text
}

export function fields(detail: unknown): { name: string; label: string; text: string }[] {
  if (typeof detail !== 'object' || detail === null) return []
  return Object.entries(detail)
    .filter(([name, value]) => value !== null && value !== '' && !(Array.isArray(value) && value.length === 0) && !SILENT.includes(name))
    .map(([name, value]) => ({ name, label: wordOr('field', name), text: valueText(name, value) }))
}

/** One line; a person's note stands alone. */
export function sentence(detail: unknown): string {
  return fields(detail)
    .map(({ name, label, text }) => (name === 'note' ? text : `${label} ${text}`))
    .join(' · ')
}
