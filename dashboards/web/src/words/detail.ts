// The loose details of incidents and timelines: known fields get words, unknown ones keep their names.

import { serverNow } from '../live/now'
import { wordOr } from './language'
import { clockOffset, hourMinute } from './time'

/** Said by the row itself. */
const SILENT: readonly string[] = ['channel', 'notice']

function valueText(name: string, value: unknown): string {
  if (typeof value === 'object') return JSON.stringify(value)
  const text = String(value)
  if (name === 'reason') return wordOr('reason', text)
  if (name === 'lane') return wordOr('journal.lane', text)
  if (name === 'hour') return hourMinute(text, serverNow.value)
  if (name === 'message_channel') return wordOr('channel', text)
  if (name === 'clock_offset_s') return clockOffset(Number(value))
  return name === 'recipient' ? wordOr('link', text) : text
}

export function fields(detail: unknown): { name: string; label: string; text: string }[] {
  if (typeof detail !== 'object' || detail === null) return []
  return Object.entries(detail)
    .filter(([name, value]) => value !== null && value !== '' && !SILENT.includes(name))
    .map(([name, value]) => ({ name, label: wordOr('field', name), text: valueText(name, value) }))
}

/** One line; a person's note stands alone. */
export function sentence(detail: unknown): string {
  return fields(detail)
    .map(({ name, label, text }) => (name === 'note' ? text : `${label} ${text}`))
    .join(' · ')
}
