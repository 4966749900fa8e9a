// The loose details of incidents and timelines: known fields get words, unknown ones keep their names.

import { wordOr } from './language'

/** Said by the row itself. */
const SILENT: readonly string[] = ['channel', 'notice']

function valueText(name: string, value: unknown): string {
  if (typeof value === 'object') return JSON.stringify(value)
  const text = String(value)
  if (name === 'reason') return wordOr('reason', text)
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
