// In whose hands an incident is: to whom it is given.

import { shallowRef } from 'vue'

import * as api from '../api/client'
import type { IncidentView } from '../api/types'
import { isOver } from '../words/incident'
import { doing } from './doing'
import { may } from './session'
import { take } from './wall'

/** What the dialog asks about. */
export const giving = shallowRef<IncidentView | null>(null)

export function mayAssign(incident: IncidentView): boolean {
  return may('handle') && !isOver(incident)
}

export function askToAssign(incident: IncidentView): void {
  if (mayAssign(incident)) giving.value = incident
}

/** `personId` empty: to oneself; null: to nobody. */
export async function assign(incident: IncidentView, personId: string | null): Promise<boolean> {
  const id = incident.incident_id
  return doing(async (actor) =>
    take(personId === null ? await api.unassign(id, { actor }) : await api.assign(id, { actor, person_id: personId })),
  )
}
