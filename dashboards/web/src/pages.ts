// Which page stands on the stage beside the wall. Each is fetched when it is opened for the first time.

import { type Component, computed, defineAsyncComponent } from 'vue'

import { rest, route, type Route } from './live/view'

export interface StagePage {
  component: Component
  /** Another key: another page, begun anew. */
  key: string
  props: { incidentId?: string; siteId?: string; deviceId?: string }
}

const LISTS: Record<Exclude<Route, 'wall'>, Component> = {
  audit: defineAsyncComponent(() => import('./audit/AuditPage.vue')),
  delivery: defineAsyncComponent(() => import('./delivery/DeliveryPage.vue')),
  devices: defineAsyncComponent(() => import('./registry/DevicesPage.vue')),
  duty: defineAsyncComponent(() => import('./duty/DutyPage.vue')),
  incidents: defineAsyncComponent(() => import('./incident/IncidentsPage.vue')),
  intake: defineAsyncComponent(() => import('./intake/IntakePage.vue')),
  load: defineAsyncComponent(() => import('./load/LoadPage.vue')),
  maintenance: defineAsyncComponent(() => import('./maintenance/MaintenancePage.vue')),
  patrol: defineAsyncComponent(() => import('./patrol/PatrolPage.vue')),
  rules: defineAsyncComponent(() => import('./rules/RulesPage.vue')),
  sites: defineAsyncComponent(() => import('./registry/SitesPage.vue')),
  targets: defineAsyncComponent(() => import('./targets/TargetsPage.vue')),
  warnings: defineAsyncComponent(() => import('./warnings/WarningsPage.vue')),
}
const IncidentSheet = defineAsyncComponent(() => import('./incident/IncidentSheet.vue'))
const SitePage = defineAsyncComponent(() => import('./registry/SitePage.vue'))
const DevicePage = defineAsyncComponent(() => import('./registry/DevicePage.vue'))

/** Null: the wall alone. */
export const page = computed((): StagePage | null => {
  const name = route.value
  const [first = '', second = ''] = rest.value
  if (name === 'wall') return null
  if (name === 'incidents' && first !== '') {
    return { component: IncidentSheet, key: `incident ${first}`, props: { incidentId: first } }
  }
  if (name === 'sites' && first !== '') return { component: SitePage, key: `site ${first}`, props: { siteId: first } }
  if (name === 'devices' && second !== '') {
    return { component: DevicePage, key: `device ${first} ${second}`, props: { siteId: first, deviceId: second } }
  }
  return { component: LISTS[name], key: name, props: {} }
})
