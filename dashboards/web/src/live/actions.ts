// What an operator does with an incident: name, where needed a second look, then the request.

import { ref, shallowRef } from 'vue'

import * as api from '../api/client'
import type { IncidentAction, IncidentView } from '../api/types'
import { incidentStateKey, isUnacknowledged, title } from '../words/incident'
import { t } from '../words/language'
import { tellDone, tellError } from './notices'
import { operatorName } from './operator'
import { may } from './session'
import { take } from './wall'

export interface Question {
  action: Exclude<IncidentAction, 'acknowledge'>
  incident: IncidentView
}

/** Requests under way when many are acknowledged: a browser has six connections. */
const AT_ONCE = 3

/** What the confirm dialog is asking now. */
export const question = shallowRef<Question | null>(null)
/** Incidents with a request under way; their buttons are off. */
export const busy = ref(new Set<string>())

/** Acknowledging is one press; everything that ends something is asked again. */
export async function act(incident: IncidentView, action: IncidentAction): Promise<void> {
  if (!may(action === 'notes' ? 'note' : 'handle')) return
  if (action === 'acknowledge') await send(incident, action, '')
  else question.value = { action, incident }
}

export async function answerQuestion(note: string | null): Promise<void> {
  const asked = question.value
  question.value = null
  if (asked !== null && note !== null) await send(asked.incident, asked.action, note)
}

/** Several at once. What is dangerous to life is taken one by one, each of them read: it is left out here. */
export async function acknowledgeAll(chosen: readonly IncidentView[]): Promise<void> {
  const actor = await operatorName()
  if (actor === null) return
  const wanted = chosen.filter((one) => !one.life_safety && isUnacknowledged(one) && !busy.value.has(one.incident_id))
  const waiting = [...wanted]
  let done = 0
  let failure: unknown = null

  async function work(): Promise<void> {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
      busy.value.add(one.incident_id)
      try {
        take(await api.act(one.incident_id, 'acknowledge', actor!, ''))
        done += 1
      } catch (error) {
        failure = error
      } finally {
        busy.value.delete(one.incident_id)
      }
    }
  }

  await Promise.all(Array.from({ length: AT_ONCE }, work))
  if (done > 0) tellDone(t('bulk.done', { count: done }))
  if (failure !== null) tellError(failure, t('bulk.failed', { count: wanted.length - done }))
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
