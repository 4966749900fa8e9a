// What an operator does with an incident: name, where needed a second look, then the request.

import { ref, shallowRef } from 'vue'

import * as api from '../api/client'
import type { IncidentAction, IncidentView } from '../api/types'
import { incidentStateKey, title } from '../words/incident'
import { t } from '../words/language'
import { tellDone, tellError } from './notices'
import { operatorName } from './operator'
import { take } from './wall'

export interface Question {
  action: Exclude<IncidentAction, 'acknowledge'>
  incident: IncidentView
}

/** What the confirm dialog is asking now. */
export const question = shallowRef<Question | null>(null)
/** Incidents with a request under way; their buttons are off. */
export const busy = ref(new Set<string>())

/** Acknowledging is one press; everything that ends something is asked again. */
export async function act(incident: IncidentView, action: IncidentAction): Promise<void> {
  if (action === 'acknowledge') await send(incident, action, '')
  else question.value = { action, incident }
}

export async function answerQuestion(note: string | null): Promise<void> {
  const asked = question.value
  question.value = null
  if (asked !== null && note !== null) await send(asked.incident, asked.action, note)
}

function standing(incident: IncidentView): string {
  return t('error.now', {
    state: t(incidentStateKey(incident.state)),
    name: incident.acknowledged_by ?? t('common.dash'),
  })
}

async function send(incident: IncidentView, action: IncidentAction, note: string): Promise<void> {
  const id = incident.incident_id
  if (busy.value.has(id)) return
  const actor = await operatorName()
  if (actor === null) return
  busy.value.add(id)
  try {
    take(await api.act(id, action, actor, note))
    tellDone(action === 'notes' ? t('done.notes') : t(`done.${action}`, { title: title(incident) }))
  } catch (error) {
    // Somebody else may have been faster: show how it stands.
    const now = await api.incident(id).catch(() => null)
    if (now !== null) take(now)
    tellError(error, now === null ? '' : standing(now))
  } finally {
    busy.value.delete(id)
  }
}
