// Where the page stands: the route behind the #, and what is opened over the wall.

import { computed, ref } from 'vue'

export type Route = 'wall' | 'targets' | 'intake'

function read(): Route {
  if (window.location.hash.startsWith('#/targets')) return 'targets'
  return window.location.hash.startsWith('#/intake') ? 'intake' : 'wall'
}

export const route = ref<Route>(read())
window.addEventListener('hashchange', () => {
  route.value = read()
})

export const openSite = ref<string | null>(null)
export const openIncident = ref<string | null>(null)
export const search = ref('')
export const searching = computed(() => search.value.trim() !== '')

export function showSite(siteId: string): void {
  window.location.hash = '#/'
  openSite.value = siteId
}

export function showIncident(incidentId: string): void {
  window.location.hash = '#/'
  openIncident.value = incidentId
}
