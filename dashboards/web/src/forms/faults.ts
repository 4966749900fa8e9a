// What the server finds wrong with a form, field by field, and the work that sends one.

import { nextTick, ref, shallowRef, type ShallowRef } from 'vue'

import { ApiError } from '../api/client'
import { tellDone, tellError } from '../live/notices'
import { t } from '../words/language'

export interface Faults {
  /** What is wrong with a field; empty while it is not known to be. Nested fields count for the one they are in. */
  of: (field: string) => string
  busy: ShallowRef<boolean>
  clear: () => void
  /** True when it was done. The first field that is wrong gets the cursor. */
  send: (work: () => Promise<unknown>, done?: string) => Promise<boolean>
}

/** The field of the form that the server means: `shifts.0.ends_at` is `ends_at` of a form that has one. */
function meant(field: string, fields: readonly string[]): string {
  const parts = field.split('.')
  return parts.find((part) => fields.includes(part)) ?? parts[0]!
}

/** `fields`: those that the form shows; what is wrong with others is told beside the page. `id`: prefix of their ids. */
export function faults(id: string, fields: readonly string[]): Faults {
  const found = shallowRef<Record<string, string>>({})
  const busy = ref(false)

  async function send(work: () => Promise<unknown>, done = t('handling.done')): Promise<boolean> {
    if (busy.value) return false
    busy.value = true
    found.value = {}
    try {
      await work()
      if (done !== '') tellDone(done)
      return true
    } catch (error) {
      const known = error instanceof ApiError ? error.fields.map((one) => ({ ...one, top: meant(one.field, fields) })) : []
      const shown = known.filter((one) => fields.includes(one.top))
      if (shown.length === 0 || shown.length < known.length) tellError(error)
      found.value = Object.fromEntries(shown.reverse().map((one) => [one.top, one.message]))
      const first = fields.find((field) => field in found.value)
      if (first !== undefined) void nextTick(() => document.getElementById(`${id}-${first}`)?.focus())
      return false
    } finally {
      busy.value = false
    }
  }

  return { of: (field) => found.value[field] ?? '', busy, clear: () => (found.value = {}), send }
}
