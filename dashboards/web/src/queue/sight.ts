// Whether elements are in sight: one observer for all of them.

const told = new Map<Element, (inSight: boolean) => void>()

const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) told.get(target)?.(isIntersecting)
})

/** Tell `tell` whenever `element` comes into sight or leaves it. Returns what ends that. */
export function seen(element: Element, tell: (inSight: boolean) => void): () => void {
  told.set(element, tell)
  observer.observe(element)
  return () => {
    told.delete(element)
    observer.unobserve(element)
  }
}
