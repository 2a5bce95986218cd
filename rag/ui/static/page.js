// Fixes what gradio tells screen readers: it labels each message with its HTML source.
() => {
  const fix = () => {
    for (const [start, label] of [["bot's message", "Answer"], ["user's message", "Your question"]]) {
      for (const message of document.querySelectorAll(`#conversation [aria-label^="${start}"]`)) {
        message.setAttribute("role", "group");
        message.setAttribute("aria-label", label);
      }
    }
    for (const examples of document.querySelectorAll("#conversation .examples[role=list]")) {
      examples.setAttribute("role", "group"); // its children are buttons, not list items
      examples.setAttribute("aria-label", "Suggested questions");
    }
  };
  fix();
  const changes = { subtree: true, childList: true, attributes: true, attributeFilter: ["aria-label"] };
  new MutationObserver(fix).observe(document.body, changes);
}
