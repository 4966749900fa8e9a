// Which page stands on the stage beside the wall. Each is fetched when it is opened for the first time.

import { type Component, computed, defineAsyncComponent } from 'vue'

import { rest, route, type Route } from './live/view'
import LoadFailed from './shell/LoadFailed.vue'

export interface StagePage {
  component: Component
  /** Another key: another page, begun anew. */
  key: string
  props: { incidentId?: string; siteId?: string; deviceId?: string }
}

function later(load: () => Promise<{ default: Component }>): Component {
  return defineAsyncComponent({ loader: load, errorComponent: LoadFailed })
}

const LISTS: Record<Exclude<Route, 'wall'>, Component> = {
  account: later(() => import('./accounts/OwnAccountPage.vue')),
  accounts: later(() => import('./accounts/AccountsPage.vue')),
  audit: later(() => import('./audit/AuditPage.vue')),
  delivery: later(() => import('./delivery/DeliveryPage.vue')),
  devices: later(() => import('./registry/DevicesPage.vue')),
  duty: later(() => import('./duty/DutyPage.vue')),
  import: later(() => import('./imports/ImportPage.vue')),
  incidents: later(() => import('./incident/IncidentsPage.vue')),
  intake: later(() => import('./intake/IntakePage.vue')),
  load: later(() => import('./load/LoadPage.vue')),
  maintenance: later(() => import('./maintenance/MaintenancePage.vue')),
  patrol: later(() => import('./patrol/PatrolPage.vue')),
  rules: later(() => import('./rules/RulesPage.vue')),
  sites: later(() => import('./registry/SitesPage.vue')),
  targets: later(() => import('./targets/TargetsPage.vue')),
  warnings: later(() => import('./warnings/WarningsPage.vue')),
}
const IncidentSheet = later(() => import('./incident/IncidentSheet.vue'))
const SitePage = later(() => import('./registry/SitePage.vue'))
const DevicePage = later(() => import('./registry/DevicePage.vue'))

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
