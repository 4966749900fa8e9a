// A list that does not move under a hand: while the pointer is at work its order stays, newcomers wait at the end.

import { computed, type ComputedRef, ref, type Ref } from 'vue'

import type { IncidentView } from '../api/types'

/** After the last move of the pointer the order is kept this long and no longer, or a resting mouse would hide news. */
const HELD_MS = 2_500

export interface SteadyList {
  shown: ComputedRef<IncidentView[]>
  /** True when newcomers wait at the end. */
  held: ComputedRef<boolean>
  hold: () => void
  release: () => void
}

export function steady(sorted: Ref<IncidentView[]>): SteadyList {
  const kept = ref<Map<string, number> | null>(null)
  let timer: number | undefined

  function release(): void {
    window.clearTimeout(timer)
    kept.value = null
  }

  function hold(): void {
    kept.value ??= new Map(sorted.value.map((incident, index) => [incident.incident_id, index]))
    window.clearTimeout(timer)
    timer = window.setTimeout(release, HELD_MS)
  }

  const shown = computed(() => {
    const order = kept.value
    if (order === null) return sorted.value
    const place = (incident: IncidentView): number => order.get(incident.incident_id) ?? order.size
    return [...sorted.value].sort((a, b) => place(a) - place(b))
  })
  const held = computed(() => {
    const order = kept.value
    return order !== null && sorted.value.some((incident) => !order.has(incident.incident_id))
  })
  return { shown, held, hold, release }
}
