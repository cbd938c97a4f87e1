// Small helpers for the document.

export const byId = (id) => document.getElementById(id);

// Create an element with properties such as `className` and `onclick`, and with children.
export function element(tag, properties = {}, ...children) {
  const created = Object.assign(document.createElement(tag), properties);
  created.append(...children);
  return created;
}

export function showError(message) {
  byId("error").textContent = message;
  byId("error").hidden = false;
}

export function hideError() {
  byId("error").hidden = true;
}
