// Alarm tones made by the browser itself. A browser allows sound only after a click, so there is a button.

import { ref, watch } from 'vue'

import { incidents, stream, takingOver } from './wall'
import { isUnacknowledged } from '../words/incident'

const STORED = 'campuswatch.sound'
const ALARM_EVERY_MS = 2_000
const LOST_EVERY_MS = 15_000

let context: AudioContext | null = null
let lastLost = 0

/** True while tones can really be heard. */
export const audible = ref(false)
/** Sound was on when this page was last open: the button asks for the click more loudly. */
export const wanted = ref(localStorage.getItem(STORED) === 'on')

export async function enableSound(): Promise<void> {
  context ??= new AudioContext()
  await context.resume()
  audible.value = context.state === 'running'
  wanted.value = true
  localStorage.setItem(STORED, 'on')
  beep(880, 0, 0.12)
}

export async function disableSound(): Promise<void> {
  await context?.suspend()
  audible.value = false
  wanted.value = false
  localStorage.setItem(STORED, 'off')
}

function beep(hertz: number, afterS: number, lengthS: number): void {
  if (context === null || context.state !== 'running') return
  const start = context.currentTime + afterS
  const tone = context.createOscillator()
  const volume = context.createGain()
  tone.type = 'square'
  tone.frequency.value = hertz
  volume.gain.setValueAtTime(0, start)
  volume.gain.linearRampToValueAtTime(0.25, start + 0.01)
  volume.gain.setValueAtTime(0.25, start + lengthS - 0.02)
  volume.gain.linearRampToValueAtTime(0, start + lengthS)
  tone.connect(volume).connect(context.destination)
  tone.start(start)
  tone.stop(start + lengthS)
}

function lifeSafetyTone(): void {
  for (const [index, hertz] of [960, 720, 960, 720].entries()) beep(hertz, index * 0.22, 0.2)
}

function attentionTone(): void {
  beep(660, 0, 0.15)
  beep(880, 0.18, 0.15)
}

function lostTone(): void {
  beep(330, 0, 0.4)
  beep(220, 0.45, 0.6)
}

/** Starts the watch over what has to be heard. */
export function startSound(): void {
  window.setInterval(() => {
    const now = Date.now()
    if (takingOver.value.length > 0) lifeSafetyTone()
    else if (stream.state.value === 'lost' && now - lastLost >= LOST_EVERY_MS) {
      lastLost = now
      lostTone()
    }
  }, ALARM_EVERY_MS)

  // A single tone for other new trouble worth looking up for.
  const heard = new Set<string>()
  watch(
    () =>
      [...incidents.values()].filter(
        (one) => isUnacknowledged(one) && (one.severity === 'critical' || one.severity === 'major'),
      ),
    (now) => {
      const fresh = now.filter((one) => !heard.has(one.incident_id))
      heard.clear()
      now.forEach((one) => heard.add(one.incident_id))
      if (fresh.length > 0 && takingOver.value.length === 0) attentionTone()
      else if (fresh.some((one) => one.life_safety)) lifeSafetyTone()
    },
  )
}
