// The words of the pages beside the wall.

import type { pagesZh } from './pages.zh'

export const pagesEn: Record<keyof typeof pagesZh, string> = {
  'nav.label': 'Pages',
  'nav.wall': 'Live wall',
  'nav.incidents': 'Incidents',
  'nav.sites': 'Sites',
  'nav.devices': 'Devices',
  'nav.targets': 'Targets',
  'nav.duty': 'Duty',
  'nav.delivery': 'Deliveries',
  'nav.warnings': 'Warnings',
  'nav.maintenance': 'Maintenance',
  'nav.rules': 'Rules',
  'nav.intake': 'Intake',
  'nav.load': 'Load',
  'nav.audit': 'Audit',

  'wall.layout': 'Layout of the wall',
  'wall.layout.both': 'Tiles and map',
  'wall.layout.tiles': 'Tiles only',
  'wall.layout.map': 'Map only',
  'map.label': 'Map of the sites; arrow keys move, Enter opens',
  'map.north': 'N',
  'map.away': '{count} without coordinates',
  'map.failed': 'Coordinates could not be loaded; reload the page',
  'gauge.label': 'The three 100% targets',
  'gauge.short': '{count} short',
  'gauge.all': 'all sites',
  'gauge.old': 'Targets as of {age} ago',
}
