// Tiles, map or both: both where the screen is wide enough, unless somebody chose otherwise on this computer.

import { ref } from 'vue'

export const LAYOUTS = ['both', 'tiles', 'map'] as const
export type WallLayout = (typeof LAYOUTS)[number]

const STORED = 'campuswatch.wall'
/** Below this a tile beside the map has no room for its name. */
const WIDE_PX = 1800

const chosen = localStorage.getItem(STORED)
export const wallLayout = ref<WallLayout>(
  LAYOUTS.find((one) => one === chosen) ?? (window.innerWidth >= WIDE_PX ? 'both' : 'tiles'),
)

export function switchLayout(layout: WallLayout): void {
  wallLayout.value = layout
  localStorage.setItem(STORED, layout)
}
