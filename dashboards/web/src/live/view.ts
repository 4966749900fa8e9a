// Where the page stands: the route behind the #, and what is opened over the wall.

import { computed, ref } from 'vue'

/** In the order of the navigation; one's own account is reached by the menu of whoever is signed in. */
export const ROUTES = [
  'wall',
  'incidents',
  'sites',
  'devices',
  'patrol',
  'targets',
  'duty',
  'delivery',
  'warnings',
  'maintenance',
  'rules',
  'intake',
  'import',
  'load',
  'audit',
  'accounts',
  'account',
] as const
export type Route = (typeof ROUTES)[number]

interface Place {
  route: Route
  /** What follows the route: `#/devices/s001/s001-cam-01`. */
  rest: string[]
}

function read(): Place {
  const [name, ...rest] = window.location.hash.replace(/^#\//, '').split('/').filter((one) => one !== '')
  const route = ROUTES.find((one) => one === name) ?? 'wall'
  return { route, rest: rest.map((one) => decodeURIComponent(one)) }
}

const place = ref<Place>(read())
window.addEventListener('hashchange', () => {
  place.value = read()
})

export const route = computed(() => place.value.route)
export const rest = computed(() => place.value.rest)

export function address(name: Route, ...parts: string[]): string {
  if (name === 'wall') return '#/'
  return `#/${[name, ...parts.map((one) => encodeURIComponent(one))].join('/')}`
}

export function go(name: Route, ...parts: string[]): void {
  window.location.hash = address(name, ...parts)
}

export const openSite = ref<string | null>(null)
export const openIncident = ref<string | null>(null)
/** The keys are shown. */
export const helping = ref(false)
export const search = ref('')
export const searching = computed(() => search.value.trim() !== '')

export function showSite(siteId: string): void {
  window.location.hash = '#/'
  openSite.value = siteId
}

/** As the styles have it. */
const phone = window.matchMedia('(max-width: 760px)')
export const onPhone = ref(phone.matches)
phone.addEventListener('change', (event) => (onPhone.value = event.matches))

/** Over the wall; whoever works on whole pages of incidents, or on a phone, gets the next one whole as well. */
export function showIncident(incidentId: string): void {
  if (route.value === 'incidents' || phone.matches) {
    go('incidents', incidentId)
    return
  }
  window.location.hash = '#/'
  openIncident.value = incidentId
}
