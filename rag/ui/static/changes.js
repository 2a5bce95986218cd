/** Review tab, Changed answers: watched questions whose answers changed with the documents. */

/** @param {{element: HTMLElement, server: any}} component */
export function mount(component) {
  component.element.dataset.mounted = "";
}
