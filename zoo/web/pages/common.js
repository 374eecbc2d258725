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

// An answer that takes long: told gets the share that is done meanwhile.
export async function sendAndWait(path, value, told) {
  const response = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(value) });
  if (!response.ok) throw new Error((await response.json()).error);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = "", last = false; ;) {
    const { value: part, done } = await reader.read();
    text += part ?? "";
    last ||= done;
    const lines = text.split("\n");
    text = lines.pop();
    for (const line of lines) {
      const found = JSON.parse(line);
      if ("error" in found) throw new Error(found.error);
      if ("answer" in found) return found.answer;
      told(found.share);
    }
    if (last) throw new Error("The server ended before it had answered.");
  }
}

export function complain(error) { $("error").textContent = error ? error.message : ""; }
