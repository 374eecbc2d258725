// What both pages share: elements, and questions to the server.

export const $ = id => document.getElementById(id);

export function element(kind, properties = {}, ...children) {
  const made = Object.assign(document.createElement(kind), properties);
  made.append(...children);
  return made;
}

export async function ask(path, how = {}) {
  let response;
  try { response = await fetch(path, how); }
  catch { throw new Error("The server does not answer: is it still running?"); }
  const found = await response.json();
  if (!response.ok) throw new Error(found.error);
  return found;
}

export const send = (path, value) => ask(path, { method: "POST", headers: { "content-type": "application/json" },
  body: JSON.stringify(value) });

export function complain(error) { $("error").textContent = error ? error.message : ""; }
